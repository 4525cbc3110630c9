"""BEIR-NL: BEIR translated into Dutch (arXiv 2412.08329): ``beir-nl/scifact`` and so on.

Fetched from ``clips/beir-nl-{name}``: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{split}.jsonl`` (dataset card of
beir-nl-nfcorpus; the forums of CQADupStack share one repository, which mteb reads a split for each forum of).
"""

from __future__ import annotations

from beir_hybrid.datasets.beir_sets import beir_sets
from beir_hybrid.datasets.family import Family
from beir_hybrid.records import Licence

source = Family(
    name="beir-nl",
    summary="BEIR translated into Dutch: 14 sets and the 12 forums of CQADupStack",
    licence=Licence("CC BY-SA 4.0", "https://huggingface.co/clips", "(the original sets' terms apply beside it)"),
    sets=beir_sets("beir-nl", "nl", folder="beir-nl-{}"),
)

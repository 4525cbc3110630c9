"""BEIR-PL: BEIR translated into Polish (arXiv 2305.19840): ``beir-pl/scifact`` and so on.

Fetched from ``mteb/{Name}-PL``, where corpus, queries and judgments are together. What was cloned from the authors'
own repositories, ``clarin-knext/{name}-pl`` and ``{name}-pl-qrels`` side by side, is read as well.
"""

from __future__ import annotations

from beir_hybrid.datasets.beir_sets import beir_sets
from beir_hybrid.datasets.family import Family
from beir_hybrid.records import Licence

source = Family(
    name="beir-pl",
    summary="BEIR translated into Polish: 12 sets and the 12 forums of CQADupStack",
    licence=Licence("that of each set", "https://huggingface.co/clarin-knext"),
    sets=beir_sets("beir-pl", "pl", folder="{}-pl"),
)

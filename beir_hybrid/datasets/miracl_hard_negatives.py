"""MIRACL over a small corpus: the passages that three retrievers rank highest for each dev query, 2.45 million in all.

``mteb/MIRACLRetrievalHardNegatives``, one configuration for each language and part: ``ar-corpus``, ``ar-queries``,
``ar-qrels``, split ``dev`` (mteb's task MIRACLRetrievalHardNegatives and its loader of retrieval sets).
"""

from __future__ import annotations

from beir_hybrid.datasets.hub_source import HubSource
from beir_hybrid.datasets.miracl import LANGUAGES
from beir_hybrid.records import Licence

source = HubSource(
    name="miracl-hard-negatives",
    summary="11,076 of MIRACL's dev queries over 2.45 million passages in 18 languages; not parallel",
    splits=("dev",),
    licence=Licence(
        "CC BY-SA 4.0", "https://huggingface.co/datasets/mteb/MIRACLRetrievalHardNegatives", "(as mteb states it)"
    ),
    parts={language: language for language in LANGUAGES},
    also_called=("MIRACLRetrievalHardNegatives",),
    repository="mteb/MIRACLRetrievalHardNegatives",
    revision="d7d94fa4b946cec4a27c84653aa0cf6b33f74a3c",
)

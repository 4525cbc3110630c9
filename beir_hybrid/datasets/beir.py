"""BEIR's public sets in English (arXiv 2104.08663): ``beir/scifact``, ``beir/cqadupstack/android`` and so on.

From the archives of its authors, checked by md5; the forums of CQADupStack, whose archive is 5 GB, from mteb's
repositories. Layouts: `beir_hybrid.datasets.parts`.
"""

from __future__ import annotations

from beir_hybrid.datasets.beir_sets import beir_sets
from beir_hybrid.datasets.family import Family
from beir_hybrid.records import Licence

source = Family(
    name="beir",
    summary="BEIR in English: 14 public sets and the 12 forums of CQADupStack",
    licence=Licence("that of each set", "https://github.com/beir-cellar/beir/wiki/Datasets-available"),
    sets=beir_sets("beir", "en"),
)

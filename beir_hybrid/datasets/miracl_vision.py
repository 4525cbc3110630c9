"""The texts of MIRACL-VISION (arXiv 2505.11651): Wikipedia pages of 18 languages, without their images.

``nvidia/miracl-vision`` at the revision mteb pins: ``{lang}/corpus.parquet`` (``_id``, ``title``, ``text``,
``image_id``), ``{lang}/queries.parquet`` and ``{lang}/qrels.parquet``, seen in public code that reads them;
``{lang}/images.parquet`` lies beside them and is never fetched. Its only split is called ``default``.
"""

from __future__ import annotations

from beir_hybrid.datasets.hub_source import HubSource
from beir_hybrid.datasets.miracl import LANGUAGES
from beir_hybrid.records import Licence

source = HubSource(
    name="miracl-vision",
    summary="7,898 questions over the texts of 338,734 Wikipedia pages in 18 languages; not parallel",
    splits=("default",),
    licence=Licence("CC BY-SA 4.0", "https://huggingface.co/datasets/nvidia/miracl-vision", "(as mteb states it)"),
    parts={language: language for language in LANGUAGES},
    repository="nvidia/miracl-vision",
    revision="309e1696433408fbd555959cf1da968f3814f8b6",
)

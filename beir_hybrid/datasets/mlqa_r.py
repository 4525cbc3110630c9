"""MLQA-R: MLQA dev questions in 7 languages, partly parallel (arXiv 2004.05484); removed upstream later."""

from __future__ import annotations

from beir_hybrid.datasets.lareqa import LareqaSource
from beir_hybrid.records import Licence

source = LareqaSource(
    name="mlqa-r",
    summary="1,148 partly parallel questions (each in 2-4 languages) over 20,534 sentences in 7 languages",
    licence=Licence(
        "CC BY-NC 4.0",
        "https://creativecommons.org/licenses/by-nc/4.0/",
        "(the licence file of the commit; non-commercial use only)",
    ),
    splits=("dev",),
    commit="354d67d1cd066854cdfbf5ad0e6105528976141d",
    sha256={
        "ar": "2132fbc03208535c0fe01f2e2c5121d06f9c2aa799af93b0a719dbc105bdf137",
        "de": "ce9454dc5aa6f2d85c23cd6e49cb367fbb7c4c6e62d7f71e355c6b5dae4d0886",
        "en": "fedd9a5cc0848dda80caf84aa36f482adaae230526a3f6e9e86926a93ef3b1e4",
        "es": "70ecba276b8c96a692b120693a595d076ce94ad21d4b28311538a9fcbfe0f9d7",
        "hi": "4dd0fb3c06f737a5481d705bc1dcac7876712a5815c9265908fbb3a0696cb654",
        "vi": "9d3baff6ba03e6793b25594217265ea59a136b9733833dca8a9582a84a78ff85",
        "zh": "57f01d2fff50cf3392805635b01445339f225ad5bf28ba8443b12f8dbd1e69dc",
    },
    question_id_width=40,
)

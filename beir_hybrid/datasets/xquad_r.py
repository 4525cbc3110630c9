"""XQuAD-R: 1,190 questions in 11 languages, every sentence of the paragraphs a passage (arXiv 2004.05484)."""

from __future__ import annotations

from beir_hybrid.datasets.lareqa import LareqaSource
from beir_hybrid.records import Licence

source = LareqaSource(
    name="xquad-r",
    summary="1,190 parallel questions over 13,014 sentences in 11 languages; one answer sentence per language",
    licence=Licence("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    splits=("test",),
    commit="9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c",
    sha256={
        "ar": "c52922d3b8ac1ae03ed5ac38647ad59870dca3dda2beefe18ecdc30729acb69d",
        "de": "16fb0f4bf4916154b585a20c24c66074591c9718a1affe764ff4697572328949",
        "el": "163fd43ee785a30eb534ae2061e9eaa766a7ee4e8ffce5e4b422480c150f64b6",
        "en": "7b0954f39297c27a31fef610f0883337dd2907fa8699151dc922afdd0fa12ffe",
        "es": "f8e836b2d91009c4363e04315f7ede363eedbbb49c67dda60de6c4aa782f58de",
        "hi": "ea45ba8ae4513d1533b222bebdc02a90bc319c055d3aeea68584a053d2e92872",
        "ru": "7f4dff853538b9a5fcc28c070b8bb983a5c5d190ac747b8e005a1ada9cab18f1",
        "th": "c3a041864c3a9fb0b4dd91cfdf99cf36b411b3e704c58a303c97bc6dc786cfe4",
        "tr": "f3e8c13002bbce154a4578f535f7533cb70f3da08840e6b62735935baec7bd94",
        "vi": "e35926bf5cc6fc6ecbdfca49467aabeb454f08d152d7818143a906bd31dde995",
        "zh": "80c2cde7b9c2fb134c303cbb52f2ba396ead9eb0014aec43993543d2ba9e93ed",
    },
    question_id_width=24,
)

"""The encoder e5-small, once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

QUESTIONS = {
    "ar": "كم عدد النقاط التي تنازل عنها دفاع البانثرز؟",
    "de": "Wie viele Punkte gab die Verteidigung der Panthers auf, größer als ½?",
    "el": "Πόσους πόντους παραχώρησε η άμυνα των Πάνθηρες;",
    "en": "How many points did the Panthers' defence surrender?  (twice   spaced)",
    "es": "¿Cuántos puntos dejó escapar la defensa de los Panthers?",
    "hi": "पैंथर्स के बचाव ने कितने अंक दिए? क़लम",
    "ru": "Сколько очков уступила защита «Пантер»?",
    "th": "ทีมรับของแพนเธอร์สเสียไปกี่แต้ม",
    "tr": "Panthers savunması kaç puan kaybetti? İstanbul",
    "vi": "Hàng phòng ngự của Panthers đã để mất bao nhiêu điểm?",
    "zh": "黑豹队的防守丢了多少分？～ＡＢＣ",
}


@pytest.fixture(scope="session")
def e5_folder(own_cache: Path) -> Path:
    """The folder that ``e5-small`` stands for, in the cache of this test run."""
    from beir_hybrid.encoders.e5_small import e5_small

    return e5_small()[0]

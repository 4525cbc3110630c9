"""The tokenizer that is trained on the training text."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.datasets.sample import sample_groups
from beir_hybrid.errors import TrainingError
from beir_hybrid.training.scratch import load_tokenizer, train_tokenizer

pytestmark = pytest.mark.train


def texts() -> list[str]:
    return [text for group in sample_groups() for side in ("query", "passage") for text in group[side].values()]


def test_the_tokenizer_is_the_same_at_every_call(tokenizer_file: Path) -> None:
    """Two trainings on the same text number their tokens alike, so that a seed gives one model."""
    assert train_tokenizer(texts(), 600).to_str() == tokenizer_file.read_text(encoding="utf-8") or (
        train_tokenizer(texts(), 600).to_str() == load_tokenizer(tokenizer_file).to_str()
    )


@pytest.mark.parametrize("language", ["hi", "th", "zh", "ar", "el"])
def test_every_script_is_covered(tokenizer_file: Path, language: str) -> None:
    """Hindi and Thai vowel marks and Chinese characters are tokens or parts of them: nothing is unknown or lost."""
    tokenizer = load_tokenizer(tokenizer_file)
    for group in sample_groups():
        tokens = tokenizer.encode(group["passage"][language]).tokens
        assert tokens
        assert "<unk>" not in tokens


def test_marks_stay_with_their_letters() -> None:
    """A Hindi word is one run: cut at its vowel marks, its pieces would never meet."""
    tokenizer = train_tokenizer(["हिन्दी की किताब", "ภาษาไทย"] * 20, 400)
    joined = "".join(tokenizer.encode("हिन्दी").tokens).replace("▁", "")
    assert joined == "हिन्दी"
    assert tokenizer.encode("हिन्दी").tokens[0].startswith("▁ह")
    assert sum(token.startswith("▁") for token in tokenizer.encode("हिन्दी").tokens) == 1


def test_case_and_width_do_not_count(tokenizer_file: Path) -> None:
    """NFKC and lower case: the same word is the same tokens."""
    tokenizer = load_tokenizer(tokenizer_file)
    assert tokenizer.encode("Bread").ids == tokenizer.encode("bread").ids == tokenizer.encode("ＢＲＥＡＤ").ids


def test_a_missing_tokenizer(tmp_path: Path) -> None:
    """A path with no tokenizer says what is expected there."""
    with pytest.raises(TrainingError, match=r"tokenizer.json does not exist; expected a tokenizer.json"):
        load_tokenizer(tmp_path)

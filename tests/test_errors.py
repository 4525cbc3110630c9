"""The words that every message of an error shares: other people's reasons, and names that come near."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.errors import TrainingError, first_line
from beir_hybrid.training.hosts import load_host


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("no such file\nand a page of advice"), "no such file"),
        (ValueError("\n  indented \nrest"), "indented"),
        (OSError(), "OSError"),
        (RuntimeError(" \n "), "RuntimeError"),
    ],
)
def test_the_reason_of_another_library_is_one_line_whatever_it_raises(error: Exception, line: str) -> None:
    assert first_line(error).strip() == line
    assert first_line(error, "no message").strip() == (line if str(error).strip() else "no message")


def test_a_model_whose_loading_fails_without_a_word_is_still_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Taking the first line of an empty message was an IndexError, which hid what failed."""
    import sentence_transformers

    def fails(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", fails)
    with pytest.raises(TrainingError, match=r"could not load the model '.*': OSError"):
        load_host("SentenceTransformer", str(tmp_path), None)

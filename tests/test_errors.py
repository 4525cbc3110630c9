"""The words that every message of an error shares: other people's reasons, and names that come near."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.errors import TrainingError, did_you_mean, first_line, some_of
from beir_hybrid.training.models import load


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


def test_names_that_are_many_are_not_listed_whether_or_not_one_is_near() -> None:
    names = [f"name-{n:04}" for n in range(1200)]
    assert did_you_mean("nome-0007", names, most=12) == "did you mean 'name-0007'?"
    assert did_you_mean("zzz", names, most=12) == "none of the 1,200 known is near it"
    assert did_you_mean("zzz", names[:2], most=12) == "known: name-0000, name-0001"
    assert did_you_mean("name-001", names[:2]) == "did you mean 'name-0001'? known: name-0000, name-0001"
    assert did_you_mean("zzz", [], most=0) == "known: none"


def test_of_many_names_some_are_shown() -> None:
    """Five, or so many as asked, and how many there are more."""
    assert [some_of("abcdefg"[:many]) for many in (0, 1, 5, 7)] == [
        "none",
        "a",
        "a, b, c, d, e",
        "a, b, c, d, e and 2 more",
    ]
    assert some_of("abc", 2, "; ") == "a; b and 1 more"


def test_a_model_whose_loading_fails_without_a_word_is_still_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Taking the first line of an empty message was an IndexError, which hid what failed."""
    import sentence_transformers

    def fails(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", fails)
    with pytest.raises(TrainingError, match=r"could not load the model '.*': OSError"):
        load(str(tmp_path), "dense")

"""Code-switching: the lexicon's files, and what becomes of a query."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.code_switch import Lexicon, read_lexicon, switch

LEXICON: Lexicon = {"en": {"cat": [("de", "Katze")], "dog": [("de", "Hund"), ("es", "perro")]}}


def test_muse_files(tmp_path: Path) -> None:
    """A folder of xx-yy.txt with a pair a line; words are looked up whatever their case."""
    (tmp_path / "en-de.txt").write_text("cat Katze\nDog\tHund\n\ndog Rüde\n", encoding="utf-8")
    (tmp_path / "en-es.txt").write_text("dog perro\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("not a lexicon")
    lexicon = read_lexicon(tmp_path)
    assert lexicon == {"en": {"cat": [("de", "Katze")], "dog": [("de", "Hund"), ("de", "Rüde"), ("es", "perro")]}}
    assert read_lexicon(tmp_path / "en-es.txt") == {"en": {"dog": [("es", "perro")]}}


def test_bad_lexicons(tmp_path: Path) -> None:
    """A line of another form is named by path and line, a file without languages by its name."""
    file = tmp_path / "en-de.txt"
    file.write_text("cat Katze\ncat\n")
    with pytest.raises(TrainingError, match=r"en-de.txt:2: expected 'word translation', got 'cat'"):
        read_lexicon(file)
    file.write_bytes(b"cat K\xe4tze\n")
    with pytest.raises(TrainingError, match=r"en-de.txt:1: not UTF-8"):
        read_lexicon(file)
    file.write_text("\n")
    with pytest.raises(TrainingError, match=r"en-de.txt: no line of 'word translation'; nothing would be switched"):
        read_lexicon(file)
    (tmp_path / "words.txt").write_text("a b")
    with pytest.raises(TrainingError, match="its name says no languages"):
        read_lexicon(tmp_path / "words.txt")
    with pytest.raises(TrainingError, match="no lexicon there"):
        read_lexicon(tmp_path / "nowhere")


def test_probability_zero_and_one() -> None:
    """0 leaves the text as it is, to the last space; 1 replaces every word that the lexicon has."""
    text = "  Is the cat,\tthe «Dog»?"
    assert switch(text, "en", LEXICON, 0.0, "k") == text
    switched = switch(text, "en", LEXICON, 1.0, "k")
    assert switched in ("  Is the Katze,\tthe «Hund»?", "  Is the Katze,\tthe «perro»?")
    assert switch(text, "de", LEXICON, 1.0, "k") == text


def test_the_draw_depends_on_key_and_text_alone() -> None:
    """The same key switches alike, other keys otherwise: a resumed training sees the same queries."""
    text = "dog " * 20
    assert switch(text, "en", LEXICON, 0.5, "a") == switch(text, "en", LEXICON, 0.5, "a")
    assert len({switch(text, "en", LEXICON, 0.5, key) for key in "abcdef"}) == 6


@pytest.mark.train
def test_queries_only_are_switched() -> None:
    """Each query is switched by its own row's language, passages never; a worker's copy switches alike."""
    from beir_hybrid.training.code_switch import CodeSwitched, refuse_useless
    from st_hybrid_batch import Group, ParallelDataset

    groups = [
        Group("a", {"de": "cat dog", "en": "cat dog"}, {"de": "cat", "en": "cat"}),
        Group("b", {"en": "dog cat"}, {"en": "dog"}),
        Group("c", {"de": "cat"}, {"de": "cat"}),
    ]
    whole = ParallelDataset.from_groups(groups)
    view = CodeSwitched(whole, LEXICON, 1.0, 3)
    keys = [(1, 0), (0, 1), (2, 2), (3, 3)]
    rows = view.__getitems__(keys)
    assert [row["passage"] for row in rows] == ["cat", "cat", "dog", "cat"]
    assert [row["query"].split()[0] for row in rows] == ["Katze", "cat", rows[2]["query"].split()[0], "cat"]
    assert rows[2]["query"] in ("Hund Katze", "perro Katze")
    assert pickle.loads(pickle.dumps(view)).__getitems__(keys) == rows
    with pytest.raises(TrainingError, match="translates from tr, but the training is in de, en; nothing"):
        refuse_useless({"tr": {"kedi": [("de", "Katze")]}}, whole, "l.txt")
    with pytest.raises(TrainingError, match=r"--lexicon l\.txt: none of its words is in a training question"):
        refuse_useless({"en": {"bird": [("de", "Vogel")]}, "tr": {"cat": [("en", "x")]}}, whole, "l.txt")
    refuse_useless({"de": {"dog": [("en", "dog")]}}, whole, "l.txt")

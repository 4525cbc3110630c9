"""Which texts are learnt from."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from beir_hybrid.errors import NeutralizeError
from beir_hybrid.neutralize.texts import Text, draw, texts_of_files, texts_of_groups


def texts(role: str, **by_language: list[str]) -> list[Text]:
    return [Text(text, language, role, text[3:], f"{language}:{at}")  # type: ignore[arg-type]
            for language, some in by_language.items() for at, text in enumerate(some, 1)]  # fmt: skip


def test_plain_files_with_bom_crlf_gzip_and_blank_lines(tmp_path: Path) -> None:
    """A file from any editor gives its lines and nothing else."""
    (tmp_path / "de.txt").write_bytes(b"\xef\xbb\xbfeins\r\n\r\n  zwei \r\n")
    (tmp_path / "en.txt.gz").write_bytes(gzip.compress(b"one\ntwo"))
    found = [(one.language, one.text, one.where) for one in texts_of_files(str(tmp_path), "passage")]
    assert found == [
        ("de", "eins", f"{tmp_path}/de.txt:1"), ("de", "zwei", f"{tmp_path}/de.txt:3"),
        ("en", "one", f"{tmp_path}/en.txt.gz:1"), ("en", "two", f"{tmp_path}/en.txt.gz:2"),
    ]  # fmt: skip
    again = texts_of_files(f"de={tmp_path}/de.txt, en={tmp_path}/en.txt.gz", "query")
    assert [one.text for one in again] == ["eins", "zwei", "one", "two"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("de", "neither a folder of LANGUAGE.txt files nor like de=FILE,en=FILE"),
        ("de=a.txt,deu=b.txt", "a.txt and b.txt are both 'de'"),
        ("english=a.txt,de=b.txt", "a.txt: 'english' is no language code"),
        ("de=missing.txt", "missing.txt: cannot be read"),
        ("empty", "holds no LANGUAGE.txt"),
        ("de=blank.txt", "blank.txt holds no text"),
        ("de=latin.txt", "latin.txt:2: not UTF-8"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str) -> None:
    """Each says in one line which file, and what was expected."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes(b"gut\nsch\xf6n\n")
    with pytest.raises(NeutralizeError, match=said):
        list(texts_of_files(given, "passage"))


def test_groups_with_gaps_and_a_line_that_is_none(tmp_path: Path) -> None:
    """A missing or empty text is left out; a line that maps no languages to texts is refused with its place."""
    path = tmp_path / "groups.jsonl"
    group = '{"id": 1, "query": {"de": "a", "en": " "}, "passage": {"de": null, "en": "b"}}'
    path.write_text(group + '\n{"query": {"de": 3}}\n')
    with pytest.raises(NeutralizeError, match=rf"{path}:2: 'query' is .*expected texts by language"):
        list(texts_of_groups(path))
    path.write_text(group)
    assert [(one.role, one.language, one.text) for one in texts_of_groups(path)] == [
        ("query", "de", "a"), ("passage", "en", "b"),
    ]  # fmt: skip


def test_sample_names_the_groups_of_this_package() -> None:
    """`--groups sample` works as it does for training: queries and passages in eleven languages."""
    found = {(one.role, one.language) for one in texts_of_groups(Path("sample"))}
    assert len(found) == 22


def test_parallel_groups_come_first_and_alike_in_every_language() -> None:
    """Two of three groups exist in both languages: these two are drawn in both, whatever the seed."""
    many = texts("passage", de=["de 1", "de 2", "de 3"], en=["en 0", "en 2", "en 3"])
    for seed in range(5):
        sample = draw(many, 2, seed)
        groups = {language: {one.group for one in some} for language, some in sample.texts["passage"].items()}
        assert groups == {"de": {"2", "3"}, "en": {"2", "3"}}


def test_draw_is_the_same_again_and_differs_by_seed() -> None:
    """The same seed draws the same texts in whatever order they come; another seed others; fewer are among more."""
    many = texts("passage", de=[f"de {n}" for n in range(60)], en=[f"en {n}" for n in range(60)])
    one, same, other = draw(many, 50, 1), draw(many[::-1], 50, 1), draw(many, 50, 2)
    assert one.record() == same.record()
    assert one.record() != other.record()
    assert set(draw(many, 20, 1)) < set(one)


def test_texts_that_are_equal_count_once() -> None:
    """A text that repeats is one text."""
    sample = draw(texts("passage", de=["de 1", "de 1", "de 2"], en=["en 1"]), 9, 0)
    assert [len(some) for some in sample.texts["passage"].values()] == [2, 1]


@pytest.mark.parametrize(
    ("given", "languages", "said"),
    [
        (texts("passage", de=["de 1"]), None, r"in 1 language \(de\)"),
        ([], None, r"in 0 languages \(none\)"),
        (texts("passage", de=["de 1"], en=["en 1"]), ["de"], r"in 1 language \(de\)"),
        (texts("passage", de=["de 1"], en=["en 1"]), ["de", "fr"], "no text in fr; there are texts in de, en"),
        (texts("passage", de=["de 1"], en=["en 1"]) + texts("query", de=["de 2"]), None,
         "en has passage texts but no query texts.*--languages de"),
    ],
)  # fmt: skip
def test_languages_without_texts(given: list[Text], languages: list[str] | None, said: str) -> None:
    """Fewer than two languages, or one without texts of a role, is said with what there is."""
    with pytest.raises(NeutralizeError, match=said):
        draw(given, 10, 0, languages)

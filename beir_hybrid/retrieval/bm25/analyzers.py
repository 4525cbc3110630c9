"""Which Lucene analyzer a language is read with, on the index side and on the query side alike.

Anserini's own table silently reads an unknown code as English (Greek and Vietnamese among them) and may use
one analyzer for the index and another for the query. Here the analyzer is chosen by its class, never left
to a default, and what was chosen is part of the result (``AnalyzerSpec.describe``). For the codes that
Anserini knows the classes are the same as in its ``AnalyzerMap``, so the scores are too.
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from beir_hybrid.errors import MissingExtraError, RetrieverError
from beir_hybrid.languages import find_code, find_language
from beir_hybrid.retrieval.bm25.bridge import java_class
from beir_hybrid.retrieval.bm25.runtimes import Jvm

_LUCENE = "org.apache.lucene.analysis."
ENGLISH = "io.anserini.analysis.DefaultEnglishAnalyzer"
STANDARD = _LUCENE + "standard.StandardAnalyzer"
WHITESPACE = _LUCENE + "core.WhitespaceAnalyzer"
THAI = _LUCENE + "th.ThaiAnalyzer"

# Anserini's AnalyzerMap (pyserini 1.6, Anserini 1.7.1).
ANSERINI = {
    "ar": "ar.ArabicAnalyzer", "bn": "bn.BengaliAnalyzer", "da": "da.DanishAnalyzer", "de": "de.GermanAnalyzer",
    "es": "es.SpanishAnalyzer", "fa": "fa.PersianAnalyzer", "fi": "fi.FinnishAnalyzer", "fr": "fr.FrenchAnalyzer",
    "hi": "hi.HindiAnalyzer", "hu": "hu.HungarianAnalyzer", "id": "id.IndonesianAnalyzer",
    "it": "it.ItalianAnalyzer", "ja": "ja.JapaneseAnalyzer", "ko": "cjk.CJKAnalyzer", "nl": "nl.DutchAnalyzer",
    "no": "no.NorwegianAnalyzer", "pl": "morfologik.MorfologikAnalyzer", "pt": "pt.PortugueseAnalyzer",
    "ru": "ru.RussianAnalyzer", "sv": "sv.SwedishAnalyzer", "te": "te.TeluguAnalyzer", "tr": "tr.TurkishAnalyzer",
    "uk": "uk.UkrainianMorfologikAnalyzer", "zh": "cjk.CJKAnalyzer",
}  # fmt: skip

# In the same jar, and read as English by Anserini.
BEYOND_ANSERINI = {
    "bg": "bg.BulgarianAnalyzer", "ca": "ca.CatalanAnalyzer", "ckb": "ckb.SoraniAnalyzer", "cs": "cz.CzechAnalyzer",
    "el": "el.GreekAnalyzer", "et": "et.EstonianAnalyzer", "eu": "eu.BasqueAnalyzer", "ga": "ga.IrishAnalyzer",
    "gl": "gl.GalicianAnalyzer", "hy": "hy.ArmenianAnalyzer", "lt": "lt.LithuanianAnalyzer",
    "lv": "lv.LatvianAnalyzer", "ne": "ne.NepaliAnalyzer", "ro": "ro.RomanianAnalyzer", "sr": "sr.SerbianAnalyzer",
    "ta": "ta.TamilAnalyzer",
}  # fmt: skip

_LUCENE_CLASSES = {"en": ENGLISH, **{code: _LUCENE + name for code, name in (ANSERINI | BEYOND_ANSERINI).items()}}

# Written with spaces, and without an analyzer in Lucene. On XQuAD-R Vietnamese, mAP is .818 so, .818 when
# stemmed as English by accident (what Anserini does), and .775 when only split at spaces.
_AS_WORDS = "words are lower-cased and not stemmed"
UNSTEMMED = {
    code: f"Lucene has no {name} analyzer: {_AS_WORDS} (Anserini {instead})"
    for code, name, instead in (
        ("ha", "Hausa", "only splits at spaces"), ("so", "Somali", "only splits at spaces"),
        ("sw", "Swahili", "only splits at spaces"), ("vi", "Vietnamese", "reads it as English"),
        ("yo", "Yoruba", "only splits at spaces"),
    )
}  # fmt: skip

_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")  # as ThaiAnalyzer's DecimalDigitFilter does

# What Anserini (1.7.1) only splits at spaces. Its indexer reads all but Swahili as English unless it is told that
# texts are "pretokenized"; its searcher, and pyserini's published runs of MIRACL, split them at spaces.
ANSERINI_SPLITS = ("ha", "so", "sw", "yo")


@dataclass(frozen=True)
class AnalyzerSpec:
    """How the text of one language becomes terms.

    Args:
        language: the code it was chosen for ("" for the analyzer of mixed text).
        name: for people, as in ``lucene:GermanAnalyzer``.
        java_class: the Lucene (or Anserini) analyzer class.
        segmenter: what splits the text into words first, with its version; None for nothing.
        note: what a reader of the scores should know; empty when there is nothing.
        normalisation: the Unicode form that text is put into first; empty: as it comes. Lucene has none of its own,
            and real data hold both forms: decomposed queries find nothing among composed passages.
    """

    language: str
    name: str
    java_class: str
    segmenter: str | None = None
    note: str = ""
    normalisation: str = "NFC"

    def describe(self) -> dict[str, str | None]:
        """A JSON-able record for results."""
        return asdict(self)

    def identity(self) -> dict[str, str | None]:
        """What decides the terms: ``describe`` without the words for people. Indexes are kept by it."""
        return {key: value for key, value in asdict(self).items() if key not in ("name", "note")}

    def build(self) -> Any:
        """A new Lucene ``Analyzer``; it may be used from several threads."""
        analyzer = java_class(self.java_class)
        if self.java_class == ENGLISH:
            return analyzer.newDefaultInstance()  # Porter stemmer, Lucene's English stop words
        if self.segmenter:
            return analyzer(java_class(THAI).getDefaultStopSet())
        return analyzer()

    def prepared(self, text: str) -> str:
        """What the analyzer is given of a text."""
        if self.normalisation == "NFC":
            text = unicodedata.normalize("NFC", text)
        return segment_thai(text) if self.segmenter else text


@cache
def known_code(code: str) -> str:
    """The code under which an analyzer is kept here for a language: ``de`` for ``deu`` and ``ger``, ``zh`` for ``cmn``
    and ``zh_Hans``, ``no`` for ``nb``; of a language without one the code itself.

    Raises:
        RetrieverError: no language has this code.
    """
    known = ["th", *_LUCENE_CLASSES, *UNSTEMMED]
    in_use = find_code(code)
    if in_use is None:
        raise RetrieverError(
            f"{code!r} is the code of no language, so no analyzer can be chosen; name the language by its ISO 639 "
            f"code, such as de or deu, or give --bm25 standard, which reads every language alike"
        )
    primary = in_use.partition("_")[0]
    return find_language(code, known) or (primary if primary in known else code)


def language_analyzer(code: str, jvm: Jvm) -> AnalyzerSpec:
    """The analyzer for a language code (see `known_code`) on the running JVM.

    A language without an analyzer gets ``StandardAnalyzer`` and a note that says so. Thai needs a JVM that can
    break Thai into words; where it cannot, pythainlp does it first.

    Raises:
        RetrieverError: no language has this code.
        MissingExtraError: Thai, a JVM without Thai, and no pythainlp.
    """
    return replace(_of_known(known_code(code), jvm), language=code)


def _of_known(language: str, jvm: Jvm) -> AnalyzerSpec:
    if language == "th":
        return _thai(jvm)
    if language in _LUCENE_CLASSES:
        return _named(language, _LUCENE_CLASSES[language])
    unknown = f"no analyzer is known for the language {language!r}: {_AS_WORDS}"
    return _named(language, STANDARD, note=UNSTEMMED.get(language, unknown))


def anserini_analyzer(code: str, jvm: Jvm) -> AnalyzerSpec:
    """The analyzer that Anserini's indexes and pyserini's published BM25 runs have for a language code.

    It differs from `language_analyzer` where Anserini has no analyzer: Swahili, Yoruba, Hausa and Somali are split
    at spaces (case and punctuation count), every other language is read as English, and a note says so. Text is not
    normalised.

    Raises:
        RetrieverError, MissingExtraError: see `language_analyzer`.
    """
    language = known_code(code)
    if language in ANSERINI_SPLITS:
        spec = _named(language, WHITESPACE, note="split at spaces, as Anserini does: case and punctuation count")
    elif language in ("en", "th", *ANSERINI):
        spec = language_analyzer(language, jvm)
    else:
        spec = _named(language, ENGLISH, note=f"Anserini has no analyzer for {language!r} and reads it as English")
    return replace(spec, language=code, normalisation="")


def standard_analyzer() -> AnalyzerSpec:
    """For text of several languages at once: Unicode word boundaries, lower case, nothing else."""
    return _named("", STANDARD)


def _named(language: str, java_name: str, note: str = "") -> AnalyzerSpec:
    maker = "anserini" if java_name.startswith("io.anserini") else "lucene"
    return AnalyzerSpec(language, f"{maker}:{java_name.rsplit('.', 1)[-1]}", java_name, note=note)


def _thai(jvm: Jvm) -> AnalyzerSpec:
    """Lucene's on a JDK; where the runtime cannot break Thai into words (the jar holds no ICU), pythainlp does.

    On XQuAD-R Thai, monolingual, newmm's words give mAP .784; ThaiAnalyzer on a JDK gives .778, pythainlp's "longest"
    .767, and no segmentation at all .171.
    """
    if jvm.thai:
        return _named("th", THAI)
    note = (
        f"the Java runtime ({jvm.source}) cannot break Thai into words: pythainlp's newmm does, then they "
        "are lower-cased and Lucene's Thai stop words dropped; scores differ from ThaiAnalyzer's on a JDK"
    )
    try:
        segmenter = f"pythainlp:newmm/{version('pythainlp')}"
    except PackageNotFoundError as error:
        raise MissingExtraError("Thai BM25 on this Java runtime", "pythainlp", "bm25") from error
    return AnalyzerSpec("th", "pythainlp:newmm+lucene:StandardAnalyzer", STANDARD, segmenter, note)


def segment_thai(text: str) -> str:
    """``text`` with a space between words and Thai digits as ASCII ones; the rest is the analyzer's work.

    >>> segment_thai("กินข้าวแล้ว ปี๒๕๖๗")  # doctest: +SKIP
    'กินข้าว แล้ว ปี 2567'
    """
    from pythainlp.tokenize import word_tokenize

    return " ".join(word_tokenize(text.translate(_THAI_DIGITS), engine="newmm", keep_whitespace=False))

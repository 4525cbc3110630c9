"""Is what a model is trained on disjoint from the evaluation set? Each language is compared, exactly and by n-grams."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from beir_hybrid.datasets.dataset import Dataset

NGRAM = 8
"""Words in a row that two texts must share to count as overlapping."""
_UNSPACED = {
    # characters that stand for `NGRAM` words, and the ranges of the script
    16: ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0x20000, 0x3FFFF)),
    40: ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),
}
"""Scripts without spaces: kana and Han (about 2 characters a word); Thai, Lao, Burmese, Khmer (about 5, with marks)."""


class TrainingText(NamedTuple):
    """A text that something is trained, validated or pretrained on; the evaluation text that it overlaps, if any."""

    text: str
    part: str
    """``train``, ``dev`` or ``pretraining``."""
    where: str
    """Where it was read, ``path:line``."""
    group: str = ""
    language: str = ""
    side: str = ""
    """``query``, ``passage`` or ``negative`` of the group; a pretraining text has none of the three."""
    kind: str = ""
    """``exact`` (equal once normalised), ``ngram`` (words in a row in common) or ``question`` (a whole one within)."""
    evaluation_id: str = ""


def normalised(text: str) -> tuple[str, ...]:
    """The words of a text: NFKC, case folded, without punctuation and what cannot be seen (soft hyphens, joiners).

    Scripts without spaces fall apart into characters.
    """
    visible = _invisible().sub("", unicodedata.normalize("NFKC", text))
    return tuple(_word_pattern().findall(visible.casefold()))


@functools.cache
def _invisible() -> Any:
    import regex  # the standard library's re knows no properties of characters

    return regex.compile(r"\p{Default_Ignorable_Code_Point}+")


@functools.cache
def _word_pattern() -> Any:
    import regex

    unspaced = "".join(f"\\U{low:08x}-\\U{high:08x}" for ranges in _UNSPACED.values() for low, high in ranges)
    written = r"\p{L}\p{M}\p{N}"
    return regex.compile(rf"(?V1)[[{written}]--[{unspaced}]]+|[[{written}]&&[{unspaced}]]")


@functools.cache
def _length_of(character: str) -> int:
    """How many of it make an n-gram."""
    found = (n for n, ranges in _UNSPACED.items() for low, high in ranges if low <= ord(character) <= high)
    return next(found, NGRAM)


def _lengths(words: Sequence[str]) -> list[int]:
    """How many words like each one make an n-gram."""
    return [_length_of(word) if len(word) == 1 else NGRAM for word in words]


def _ngrams(words: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """A number for every n-gram, which has the length of the kind of word that makes up most of it."""
    lengths = _lengths(words)
    found = []
    for n in sorted(set(lengths)):
        before = [0, *itertools.accumulate(length == n for length in lengths)]
        for start in range(len(words) - n + 1):
            own = 2 * (before[start + n] - before[start])
            if own > n or (own == n == NGRAM):  # of a tie the words decide: 4 words and 4 Han characters are 8 words
                found.append(hash(words[start : start + n]))
    return np.array(found, dtype=np.int64)


class LeakDetector:
    """The texts of an evaluation set, ready to be compared with.

    An n-gram is `NGRAM` words in a row; in scripts without spaces 16 (kana, Han) or 40 (Thai, Lao, Burmese, Khmer)
    characters. A shorter question overlaps where it stands whole within a longer text, if it is at least half an
    n-gram; other short texts only if they are equal. One-word texts (numbers, names) leak nothing: not compared.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._exact: dict[tuple[str, ...], str] = {}
        self._ids: list[str] = []
        self._questions: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        """Those that are shorter than an n-gram, by their first two words."""
        found = []
        for language in dataset.languages:
            passages, queries = dataset.passages[language], dataset.queries[language]
            texts = itertools.chain(
                zip(passages.ids, passages.full_texts(), itertools.repeat(False)),
                zip(queries.ids, queries.texts, itertools.repeat(True)),
            )
            for key, text, is_question in texts:
                words = normalised(text)
                if len(words) < 2:
                    continue
                self._exact.setdefault(words, key)
                self._ids.append(key)
                found.append(_ngrams(words))
                lengths = _lengths(words)
                half = next((n for n in _UNSPACED if 2 * lengths.count(n) > len(words)), NGRAM) // 2
                if is_question and half <= len(words) < 2 * half:
                    self._questions.setdefault(words[:2], []).append(words)
        self._grams, first = np.unique(np.concatenate([*found, np.empty(0, np.int64)]), return_index=True)
        self._owners = np.repeat(np.arange(len(found)), [len(one) for one in found])[first]

    def look_up(self, text: str) -> tuple[str, str] | None:
        """(``exact``, ``ngram`` or ``question``; id of the evaluation text) of the first overlap, or None."""
        words = normalised(text)
        if len(words) < 2:
            return None
        if words in self._exact:
            return "exact", self._exact[words]
        grams = _ngrams(words)
        place = np.searchsorted(self._grams, grams)
        hits = np.flatnonzero(self._grams.take(place, mode="clip") == grams) if len(self._grams) else grams[:0]
        if len(hits):
            return "ngram", self._ids[self._owners[place[hits[0]]]]
        for start, pair in enumerate(itertools.pairwise(words)):
            for question in self._questions.get(pair, ()):
                if words[start : start + len(question)] == question:
                    return "question", self._exact[question]
        return None


def texts_of_groups(
    groups: Iterable[Any], part: str, languages: Collection[str] | None = None
) -> Iterator[TrainingText]:
    """Every query, passage and hard negative of groups.

    Args:
        groups: objects with ``id``, ``query``, ``passage`` (``{language: text}``), ``negatives`` and ``where``.
        part: ``train`` or ``dev``.
        languages: the texts in these only (default: all).
    """
    for group in groups:
        sides: list[tuple[str, str, str]] = [("query", lang, text) for lang, text in group.query.items()]
        sides += [("passage", lang, text) for lang, text in group.passage.items()]
        sides += [("negative", lang, text) for lang, texts in group.negatives.items() for text in texts]
        for side, language, text in sides:
            if languages is None or language in languages:
                yield TrainingText(text, part, group.where, group.id, language, side)


def find_leaks(texts: Iterable[TrainingText], detector: LeakDetector) -> list[TrainingText]:
    """Every text that overlaps the evaluation set, with what it overlaps."""
    looked_up = ((one, detector.look_up(one.text)) for one in texts)
    return [one._replace(kind=found[0], evaluation_id=found[1]) for one, found in looked_up if found is not None]


def leak_report(leaks: Mapping[str, list[TrainingText]], texts: Mapping[str, int]) -> dict[str, Any]:
    """What is written beside the model: how many texts overlap which evaluation set, and where.

    Args:
        leaks: those of each evaluation set.
        texts: how many groups (or lines of pretraining text) each part has.
    """
    return {
        "ngram": NGRAM,
        "compared": dict(texts),
        "evaluation_sets": {
            name: {
                "texts": len(found),
                "groups": len({leak.group for leak in found if leak.group}),
                "by_part": _counted(leak.part for leak in found),
                "by_language": _counted(leak.language for leak in found if leak.language),
                "by_kind": _counted(leak.kind for leak in found),
                "leaks": [{key: value for key, value in leak._asdict().items() if key != "text"} for leak in found],
            }
            for name, found in leaks.items()
        },
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))

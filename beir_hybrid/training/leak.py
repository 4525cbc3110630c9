"""Is the training text disjoint from the evaluation set? Every language is compared, exactly and by n-grams."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Leak:
    """A training text that overlaps an evaluation text."""

    group: str
    language: str
    side: str
    """``query``, ``passage`` or ``negative`` of the training group."""
    kind: str
    """``exact`` (equal once normalised) or ``ngram`` (words in a row in common)."""
    evaluation_id: str
    place: str = ""
    """Where the group was read, ``path:line``."""


def normalised(text: str) -> list[str]:
    """The words of a text: NFKC, case folded, punctuation dropped; unspaced scripts character by character."""
    words: list[str] = _word_pattern().findall(unicodedata.normalize("NFKC", text).casefold())
    return words


@functools.cache
def _word_pattern() -> Any:
    import regex  # the standard library's re knows neither marks nor differences of sets

    unspaced = "".join(f"\\U{low:08x}-\\U{high:08x}" for ranges in _UNSPACED.values() for low, high in ranges)
    written = r"\p{L}\p{M}\p{N}"
    return regex.compile(rf"(?V1)[[{written}]--[{unspaced}]]+|[[{written}]&&[{unspaced}]]")


def _length(word: str) -> int:
    """How many words like this one make an n-gram."""
    if len(word) == 1:
        for length, ranges in _UNSPACED.items():
            if any(low <= ord(word) <= high for low, high in ranges):
                return length
    return NGRAM


class LeakDetector:
    """The texts of an evaluation set, ready to be compared with.

    An n-gram is `NGRAM` words in a row; in scripts without spaces 16 (kana, Han) or 40 (Thai, Lao, Burmese, Khmer)
    characters. Texts shorter than that overlap only if they are equal. One-word texts (numbers, names) are not
    compared: they leak nothing.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._codes: dict[str, int] = {}
        self._lengths = np.zeros(1, dtype=np.int64)
        self._exact: dict[tuple[str, ...], str] = {}
        self._ids: list[str] = []
        texts: list[list[str]] = []
        for language in dataset.languages:
            passages, queries = dataset.passages[language], dataset.queries[language]
            for key, text in (
                *zip(passages.ids, passages.full_texts(), strict=True),
                *zip(queries.ids, queries.texts, strict=True),
            ):
                words = normalised(text)
                if len(words) > 1:
                    self._exact.setdefault(tuple(words), key)
                    texts.append(words)
                    self._ids.append(key)
                    for word in words:
                        self._codes.setdefault(word, len(self._codes) + 1)
        self._lengths = np.array([0, *map(_length, self._codes)])
        found = [self._ngrams(words) for words in texts]
        grams = np.concatenate([*found, np.empty(0, np.uint64)])
        self._grams, first = np.unique(grams, return_index=True)
        self._owners = np.repeat(np.arange(len(found)), [len(one) for one in found])[first]

    def look_up(self, text: str) -> tuple[str, str] | None:
        """(``exact`` or ``ngram``, id of the evaluation text) of the first overlap, or None."""
        words = normalised(text)
        if len(words) < 2:
            return None
        same = self._exact.get(tuple(words))
        if same is not None:
            return "exact", same
        if not len(self._grams):
            return None
        grams = self._ngrams(words)
        place = np.searchsorted(self._grams, grams)
        place[place == len(self._grams)] = 0
        hits = np.flatnonzero(self._grams[place] == grams)
        return ("ngram", self._ids[int(self._owners[place[hits[0]]])]) if len(hits) else None

    def _ngrams(self, words: list[str]) -> npt.NDArray[np.uint64]:
        """A number for every n-gram of words that the evaluation set knows, whatever stands around it.

        An n-gram has the length of the kind of word that makes up most of it.
        """
        codes = np.array([self._codes.get(word, 0) for word in words], dtype=np.uint64)
        lengths = self._lengths[codes]
        found = [np.empty(0, dtype=np.uint64)]
        for n in (NGRAM, *_UNSPACED):
            if len(codes) < n or not (lengths == n).any():
                continue
            known = _windowed(lengths > 0, n) == n
            own = _windowed(lengths == n, n)
            # of a tie the words decide: 4 words and 4 Han characters are 8 words
            starts = np.flatnonzero(known & ((2 * own >= n) if n == NGRAM else (2 * own > n)))
            mixed = np.full(len(starts), n, dtype=np.uint64)
            for column in range(n):
                # multiply and fold: a 64-bit hash in which the order of the words counts
                mixed = (mixed ^ codes[starts + column]) * _FACTOR
                mixed ^= mixed >> np.uint64(29)
            found.append(mixed)
        return np.concatenate(found)


def _windowed(flags: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.int64]:
    """How many flags are set in each window of n."""
    counted = np.concatenate(([0], np.cumsum(flags)))
    windows: npt.NDArray[np.int64] = counted[n:] - counted[:-n]
    return windows


def find_leaks(groups: Iterable[Any], detector: LeakDetector, languages: Collection[str] | None = None) -> list[Leak]:
    """Every query and passage of the groups (and their hard negatives) that overlaps the evaluation set.

    Args:
        groups: objects with ``id``, ``query``, ``passage`` (``{language: text}``), ``negatives`` and ``where``.
        detector: the evaluation set.
        languages: compare the texts in these only (default: all).
    """
    leaks = []
    for group in groups:
        sides: list[tuple[str, str, str]] = [("query", lang, text) for lang, text in group.query.items()]
        sides += [("passage", lang, text) for lang, text in group.passage.items()]
        sides += [("negative", lang, text) for lang, texts in group.negatives.items() for text in texts]
        for side, language, text in sides:
            if languages is not None and language not in languages:
                continue
            found = detector.look_up(text)
            if found is not None:
                leaks.append(Leak(group.id, language, side, found[0], found[1], group.where))
    return leaks


def leak_report(leaks: Mapping[str, list[Leak]], groups: int) -> dict[str, Any]:
    """What is written beside the model: how many rows overlap which evaluation set, and where."""
    return {
        "ngram": NGRAM,
        "groups": groups,
        "evaluation_sets": {
            name: {
                "groups": len({leak.group for leak in found}),
                "texts": len(found),
                "by_language": _counted(leak.language for leak in found),
                "by_kind": _counted(leak.kind for leak in found),
                "leaks": [asdict(leak) for leak in found],
            }
            for name, found in leaks.items()
        },
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items()))

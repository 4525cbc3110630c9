"""Is the training text disjoint from the evaluation set? Every language is compared, exactly and by n-grams."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.datasets.dataset import Dataset

NGRAM = 8
"""Words in a row that two texts must share to count as overlapping."""
_CHARACTERS_PER_WORD = 2
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0x20000, 0x3FFFF),
)
"""Scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Han."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Leak:
    """A training text that overlaps an evaluation text."""

    group: str
    language: str
    side: str
    """``query`` or ``passage`` of the training group."""
    kind: str
    """``exact`` (equal once normalised) or ``ngram`` (words in a row in common)."""
    evaluation_id: str
    place: str = ""
    """Where the group was read, ``path:line``."""


def normalised(text: str) -> list[str]:
    """The words of a text: NFKC, case folded, punctuation dropped; unspaced scripts character by character."""
    words: list[str] = []
    current: list[str] = []
    for char in unicodedata.normalize("NFKC", text).casefold():
        category = unicodedata.category(char)[0]
        unspaced = any(low <= ord(char) <= high for low, high in _UNSPACED)
        if category in "LMN" and not unspaced:
            current.append(char)
            continue
        if current:
            words.append("".join(current))
            current = []
        if category in "LMN":
            words.append(char)
    return [*words, "".join(current)] if current else words


class LeakDetector:
    """The texts of an evaluation set, ready to be compared with.

    An n-gram is `NGRAM` words in a row; in scripts without spaces, twice as many characters. Texts shorter than
    that overlap only if they are equal. One-word texts (numbers, names) are not compared: they leak nothing.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._words: dict[str, int] = {}
        self._exact: dict[tuple[str, ...], str] = {}
        found: list[npt.NDArray[np.uint64]] = []
        owners: list[npt.NDArray[np.int64]] = []
        self._ids: list[str] = []
        for language in dataset.languages:
            passages, queries = dataset.passages[language], dataset.queries[language]
            texts = [
                *zip(passages.ids, passages.full_texts(), strict=True),
                *zip(queries.ids, queries.texts, strict=True),
            ]
            for key, text in texts:
                words = normalised(text)
                if len(words) < 2:
                    continue
                self._exact.setdefault(tuple(words), key)
                codes = np.array([self._words.setdefault(w, len(self._words) + 1) for w in words], dtype=np.uint64)
                grams = _ngrams(codes, words)
                found.append(grams)
                owners.append(np.full(len(grams), len(self._ids)))
                self._ids.append(key)
        grams = np.concatenate([*found, np.empty(0, np.uint64)])
        self._grams, first = np.unique(grams, return_index=True)
        self._owners = np.concatenate([*owners, np.empty(0, np.int64)])[first]

    def look_up(self, text: str) -> tuple[str, str] | None:
        """(``exact`` or ``ngram``, id of the evaluation text) of the first overlap, or None."""
        words = normalised(text)
        if len(words) < 2:
            return None
        same = self._exact.get(tuple(words))
        if same is not None:
            return "exact", same
        codes = np.array([self._words.get(word, 0) for word in words], dtype=np.uint64)
        if not len(self._grams) or np.count_nonzero(codes) < NGRAM:
            return None
        grams = _ngrams(codes, words)
        place = np.searchsorted(self._grams, grams)
        place[place == len(self._grams)] = 0
        hits = np.flatnonzero((self._grams[place] == grams) & (grams != 0))
        return ("ngram", self._ids[int(self._owners[place[hits[0]]])]) if len(hits) else None


def _ngrams(codes: npt.NDArray[np.uint64], words: list[str]) -> npt.NDArray[np.uint64]:
    """A number for every n-gram; 0 where a word is unknown to the evaluation set."""
    single = sum(len(word) == 1 and any(low <= ord(word) <= high for low, high in _UNSPACED) for word in words)
    n = NGRAM * _CHARACTERS_PER_WORD if 2 * single > len(words) else NGRAM
    if len(codes) < n:
        return np.empty(0, dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, n)
    mixed = np.full(len(windows), n, dtype=np.uint64)
    for column in range(n):
        # multiply and fold: a 64-bit hash in which the order of the words counts
        mixed = (mixed ^ windows[:, column]) * _FACTOR
        mixed ^= mixed >> np.uint64(29)
    return np.where((windows == 0).any(axis=1), np.uint64(0), mixed)


def find_leaks(groups: Iterable[Any], detector: LeakDetector) -> list[Leak]:
    """Every query and passage of the groups (and their hard negatives) that overlaps the evaluation set.

    Args:
        groups: objects with ``id``, ``query``, ``passage`` (``{language: text}``), ``negatives`` and ``where``.
    """
    leaks = []
    for group in groups:
        sides: list[tuple[str, str, str]] = [("query", lang, text) for lang, text in group.query.items()]
        sides += [("passage", lang, text) for lang, text in group.passage.items()]
        sides += [("negative", lang, text) for lang, texts in group.negatives.items() for text in texts]
        for side, language, text in sides:
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

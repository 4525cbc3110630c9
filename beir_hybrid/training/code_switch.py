"""Code-switched queries: words replaced by their translations from a bilingual lexicon (arXiv 2305.05295)."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.errors import TrainingError, at
from beir_hybrid.readers.lines import read_lines
from st_hybrid_batch import ParallelDataset

_PUNCTUATION = ".,;:!?¿¡\"'()[]«»…؟،؛。，、？！।"


Lexicon = dict[str, dict[str, list[tuple[str, str]]]]
"""Translations of words: ``{language: {word: [(target language, translation), ...]}}``, words lower-cased."""


def read_lexicon(path: Path) -> Lexicon:
    """A lexicon from a file ``xx-yy.txt`` or a folder of them, in MUSE's form: ``word translation`` on a line.

    Raises:
        TrainingError: no such file, a name that says no languages, or a line of another form (``path:line``).
    """
    files = sorted(path.glob("*-*.txt*")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise TrainingError(f"{path}: no lexicon there; expected a file xx-yy.txt or a folder of them, as MUSE has")
    lexicon: Lexicon = {}
    for file in files:
        source, dash, target = file.name.split(".")[0].partition("-")
        if not dash or not source or not target:
            raise TrainingError(f"{file}: its name says no languages; expected xx-yy.txt, like en-de.txt")
        words = lexicon.setdefault(source, {})
        for number, line in read_lines(file, TrainingError):
            parts = line.split("\t") if "\t" in line else line.split()
            if len(parts) != 2 or not all(parts):
                raise TrainingError(f"{at(file, number)}: expected 'word translation', got {line[:60]!r}")
            words.setdefault(parts[0].lower(), []).append((target, parts[1]))
    if not any(lexicon.values()):
        raise TrainingError(f"{path}: no line of 'word translation'; nothing would be switched")
    return lexicon


def refuse_useless(lexicon: Lexicon, dataset: ParallelDataset, path: str) -> None:
    """Refuse a lexicon that has no word of any question.

    Raises:
        TrainingError: it has none; or none of their languages.
    """
    if not lexicon.keys() & set(dataset.languages):
        raise TrainingError(
            f"--lexicon {path} translates from {', '.join(sorted(lexicon))}, but the training is in "
            f"{', '.join(dataset.languages)}; nothing would be switched"
        )
    for part in dataset.data.select(["language", "query"]).to_batches():
        for language, text in zip(*(column.to_pylist() for column in part.columns), strict=True):
            if any(word.strip(_PUNCTUATION).lower() in lexicon.get(language, {}) for word in text.split()):
                return
    raise TrainingError(
        f"--lexicon {path}: none of its words is in a training question of its language; nothing would be switched"
    )


def translations(lexicon: Lexicon, texts: Iterable[str]) -> Iterator[str]:
    """The translations of words of texts, as they stand at the beginning of a text and within one."""
    used = {word.strip(_PUNCTUATION).lower() for text in texts for word in text.split()}
    for words in lexicon.values():
        for _, translation in itertools.chain.from_iterable(words[word] for word in words.keys() & used):
            yield from (translation, f" {translation}")


def switch(text: str, language: str, lexicon: Lexicon, probability: float, key: str) -> str:
    """``text`` with each word replaced, with ``probability``, by a translation drawn uniformly.

    The draw depends on ``key`` and the text alone, so a resumed training sees the same queries.
    """
    parts = re.split(r"(\s+)", text)  # words, and between them what is between them
    seed = hashlib.blake2b(f"{key}\0{text}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    draws = rng.random((len(parts), 2))
    known = lexicon.get(language, {})
    for number in range(0, len(parts), 2):
        core = parts[number].strip(_PUNCTUATION)
        chance, which = draws[number]
        choices = known.get(core.lower())
        if choices and chance < probability:
            parts[number] = parts[number].replace(core, choices[int(which * len(choices))][1])
    return "".join(parts)


class CodeSwitched(ParallelDataset):
    """A training set whose queries are code-switched when they are read.

    A query is switched anew for every passage row it is paired with, so cross-lingual batches show it in several
    mixtures; the same pair is switched in the same way whenever it comes up.

    Args:
        dataset: the training set.
        lexicon: where translations come from.
        probability: of a word that the lexicon has to be replaced.
        seed: of the draws.
    """

    def __init__(self, dataset: ParallelDataset, lexicon: Lexicon, probability: float, seed: int) -> None:
        super().__init__(dataset)
        self._lexicon, self._probability, self._seed = lexicon, probability, seed

    def __getitems__(self, keys: list[Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = super().__getitems__(keys)
        pairs = [key if isinstance(key, tuple) else (key, key) for key in keys]
        languages = self.row_languages([query for query, _ in pairs])
        for row, language, (query, passage) in zip(rows, languages, pairs, strict=True):
            draw = f"{self._seed} {query} {passage}"
            row["query"] = switch(row["query"], language, self._lexicon, self._probability, draw)
        return rows

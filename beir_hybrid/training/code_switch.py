"""Code-switched queries: words replaced by their translations from a bilingual lexicon (arXiv 2305.05295)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.errors import TrainingError, at


class Lexicon:
    """Translations of words: ``{language: {word: [(target language, translation), ...]}}``, words lower-cased."""

    def __init__(self, entries: dict[str, dict[str, list[tuple[str, str]]]]) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return sum(map(len, self.entries.values()))

    def translations(self, language: str, word: str) -> list[tuple[str, str]]:
        return self.entries.get(language, {}).get(word.lower(), [])


def read_lexicon(path: Path) -> Lexicon:
    """A lexicon from a file ``xx-yy.txt`` or a folder of them, in MUSE's form: ``word translation`` on a line.

    Raises:
        TrainingError: no such file, a name that says no languages, or a line of another form (``path:line``).
    """
    files = sorted(path.glob("*-*.txt")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise TrainingError(f"{path}: no lexicon there; expected a file xx-yy.txt or a folder of them, as MUSE has")
    entries: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for file in files:
        source, dash, target = file.name.split(".")[0].partition("-")
        if not dash or not source or not target:
            raise TrainingError(f"{file}: its name says no languages; expected xx-yy.txt, like en-de.txt")
        words = entries.setdefault(source, {})
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            parts = line.split("\t") if "\t" in line else line.split()
            if not parts:
                continue
            if len(parts) != 2 or not all(parts):
                raise TrainingError(f"{at(file, number)}: expected 'word translation', got {line[:60]!r}")
            words.setdefault(parts[0].lower(), []).append((target, parts[1]))
    return Lexicon(entries)


def switch(text: str, language: str, lexicon: Lexicon, probability: float, key: str) -> str:
    """``text`` with each word replaced, with ``probability``, by a translation drawn uniformly.

    The draw depends on ``key`` and the text alone, so a resumed training sees the same queries.
    """
    words = text.split()
    seed = hashlib.blake2b(f"{key}\0{text}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    draws = rng.random((len(words), 2))
    switched = []
    for word, (chance, which) in zip(words, draws, strict=True):
        core = word.strip(".,;:!?¿¡\"'()[]«»…")
        choices = lexicon.translations(language, core) if chance < probability and core else []
        switched.append(word.replace(core, choices[int(which * len(choices))][1]) if choices else word)
    return " ".join(switched)


def switching_view(dataset: Any, lexicon: Lexicon, probability: float, seed: int) -> Any:
    """The same training set with code-switched queries.

    A query is switched anew for every passage row it is paired with, so cross-lingual epochs see it in several
    mixtures.
    """
    from st_hybrid_batch import ParallelDataset

    class CodeSwitched(ParallelDataset):
        def __getitems__(self, keys: list[Any]) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = super().__getitems__(keys)
            for row, key in zip(rows, keys, strict=True):
                query_row = key[0] if isinstance(key, tuple) else key
                language = self.row_group(int(query_row))[1]
                row["anchor"] = switch(row["anchor"], language, lexicon, probability, f"{seed} {key}")
            return rows

    return CodeSwitched(dataset._tables)

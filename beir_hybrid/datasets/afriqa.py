"""AfriQA (arXiv 2305.06897) over its gold passages: questions in nine African languages, answered in English or French.

One file a language, ``data/gold_passages/{code}/gold_span_passages.afriqa.{code}.{pivot}.{split}.json`` in
``masakhane-io/afriqa`` (looked at there), JSON Lines with ``id``, ``title``, ``context`` (the passage),
``question_lang`` and ``question_translated``. A question and its human translation are one group: cross-lingual it is
asked in its own language, monolingual in the pivot. The pool is the gold passages of the languages that are loaded, a
far easier one than the paper's Wikipedia. Wolof has questions but no gold passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.parallel import GroupQrels, numbered_passages
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.records import Licence, Queries

_CODES = {
    "bem": "bem", "fon": "fon", "ha": "hau", "ig": "ibo", "rw": "kin", "sw": "swa", "tw": "twi", "yo": "yor",
    "zu": "zul",
}  # fmt: skip
_PIVOT = dict.fromkeys(_CODES, "en") | {"fon": "fr"}
_BASE = "https://raw.githubusercontent.com/masakhane-io/afriqa/main"


class AfriqaSource(FileSource):
    """One file of questions and their passages for each language."""

    name = "afriqa"
    summary = "questions in nine African languages over the English and French passages that answer them"
    languages = tuple(sorted({*_CODES, *_PIVOT.values()}))
    splits = ("test", "dev", "train")
    licence = Licence("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", "(text: Wikipedia, CC BY-SA)")

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        return [self._of(language, split) for language in languages if language in _CODES]

    def _of(self, language: str, split: str) -> RemoteFile:
        code = _CODES[language]
        path = f"data/gold_passages/{code}/gold_span_passages.afriqa.{code}.{_PIVOT[language]}.{split}.json"
        return RemoteFile(path, f"{_BASE}/{path}")

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        chosen = [language for language in languages if language in _CODES]
        if not chosen:
            raise DatasetError(f"{self.name} asks in {', '.join(_CODES)}; add one of them to {', '.join(languages)}")
        texts: dict[str, dict[tuple[str, str], list[str]]] = {}  # by pivot: passage to the questions it answers
        asked: dict[str, dict[str, str]] = {}  # by language: question by its group
        for language in chosen:
            pivot, path = _PIVOT[language], self.local(root, self._of(language, split))
            for line, record in read_json_lines(path, ("context", "question_lang", "question_translated")):
                number = str(record.get("id", ""))
                if not number.isdigit():
                    raise DatasetError(f"{at(path, line)}: 'id' is {record.get('id')!r}; expected a whole number")
                group = f"{language}.{number.zfill(5)}"
                for code, text in ((language, record["question_lang"]), (pivot, record["question_translated"])):
                    if asked.setdefault(code, {}).setdefault(group, text.strip()) != text.strip():
                        raise DatasetError(f"{at(path, line)}: id {number} is another question above")
                passage = (str(record.get("title") or ""), record["context"])
                texts.setdefault(pivot, {}).setdefault(passage, []).append(group)
        answers: dict[str, list[str]] = {}
        passages = {pivot: numbered_passages(pivot, found, answers) for pivot, found in texts.items()}
        queries = {
            code: Queries(code, [f"{code}-q-{group}" for group in groups], [known[g] for g in groups], groups)
            for code, known in asked.items()
            if (groups := sorted(known))
        }
        qrels = GroupQrels(queries.values(), answers)
        return self.dataset(root, languages, split, passages=passages, queries=queries, qrels=qrels)


source = AfriqaSource()

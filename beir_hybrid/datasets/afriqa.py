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
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.records import Licence, Passages, Queries

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

    def remote_files(self, languages: Sequence[str], split: str) -> list[RemoteFile]:
        paths = [
            f"data/gold_passages/{_CODES[x]}/gold_span_passages.afriqa.{_CODES[x]}.{_PIVOT[x]}.{split}.json"
            for x in languages if x in _CODES
        ]  # fmt: skip
        return [RemoteFile(path, f"{_BASE}/{path}") for path in paths]

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        chosen = [language for language in languages if language in _CODES]
        if not chosen:
            raise DatasetError(f"{self.name} asks in {', '.join(_CODES)}; add one of them to {', '.join(languages)}")
        files = self.remote_files(chosen, split)
        texts: dict[str, dict[tuple[str, str], list[str]]] = {}  # by pivot: passage to the questions it answers
        asked: dict[str, dict[str, tuple[str, str]]] = {}  # by language: query id to text and group
        for language, file in zip(chosen, files, strict=True):
            pivot, path = _PIVOT[language], self.local(root, file)
            for line, record in read_json_lines(path, ("context", "question_lang", "question_translated")):
                key = f"{language}.{str(record.get('id', '')).zfill(5)}"
                if not str(record.get("id", "")).isdigit():
                    raise DatasetError(f"{at(path, line)}: 'id' is {record.get('id')!r}; expected a whole number")
                for code, text in ((language, record["question_lang"]), (pivot, record["question_translated"])):
                    known = asked.setdefault(code, {}).setdefault(f"{code}-q-{key}", (text.strip(), key))
                    if known[0] != text.strip():
                        raise DatasetError(f"{at(path, line)}: id {record['id']} is another question above")
                passage = (str(record.get("title") or ""), record["context"])
                texts.setdefault(pivot, {}).setdefault(passage, []).append(key)
        passages: dict[str, Passages] = {}
        answers: dict[str, dict[str, int]] = {}
        for pivot, found in texts.items():
            order = sorted(found)
            ids = [f"{pivot}-p-{number:05d}" for number in range(len(order))]
            passages[pivot] = Passages(pivot, ids, [text for _, text in order], [title for title, _ in order])
            for passage, name in zip(order, ids, strict=True):
                for key in found[passage]:
                    answers.setdefault(key, {})[name] = 1
        queries = {
            code: Queries(
                code, sorted(known), [known[q][0] for q in sorted(known)], [known[q][1] for q in sorted(known)]
            )
            for code, known in asked.items()
        }
        qrels = {query: answers[group] for known in asked.values() for query, (_, group) in known.items()}
        return Dataset(
            self.name, split, passages, queries, qrels, self.licence, self.loaded_files(root, files),
        )  # fmt: skip


source = AfriqaSource()

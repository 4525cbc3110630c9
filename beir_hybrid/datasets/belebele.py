"""Belebele (arXiv 2308.16884) as retrieval: 900 questions asked for their 488 FLORES passages, in 122 variants.

Fully parallel: every question and every passage is in every variant, so all three settings exist and each question
has one relevant passage a variant. A line of a file has ``link``, ``question_number``, ``flores_passage`` and
``question``; the four answers are not read. A passage is told by its link (488 of them, as mteb's task counts), a
question by link and number; one or two questions share a passage. Languages are named as `language_code` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.parallel import Answer, Question, numbered, parallel
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import read_json_lines


class BelebeleSource(TableSource):
    """One file a variant."""

    def local(self, root: Path, file: RemoteFile) -> Path:
        plain = root / Path(file.path).name  # as in the authors' own archive
        return plain if plain.exists() else root / file.path

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        passages, queries = {}, {}
        for language in languages:
            texts, asked = _read(self.local(root, self.file_of(language, split)))
            passages[language] = numbered((Answer(texts[link], [link], source=link) for link in sorted(texts)), 4)
            questions = (Question(asked[key], "#".join(key), key[0]) for key in sorted(asked))
            queries[language] = numbered(questions, 4)
        return self.dataset(root, languages, split, **parallel(passages, queries))


def _read(path: Path) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """``{link: passage}`` and ``{(link, question number): question}``."""
    passages: dict[str, str] = {}
    questions: dict[tuple[str, str], str] = {}
    for line, record in read_json_lines(path, ("link", "flores_passage", "question")):
        link, number = record["link"], str(record.get("question_number", ""))
        if not number.isdigit():
            raise DatasetError(f"{at(path, line)}: the record has no whole 'question_number', got {number!r}")
        if not record["question"].strip():
            raise DatasetError(f"{at(path, line)}: the question is empty")
        if (link, number) in questions:
            raise DatasetError(f"{at(path, line)}: question {number} of {link!r} appears twice")
        passages.setdefault(link, record["flores_passage"])
        questions[link, number] = record["question"]
    if not questions:
        raise DatasetError(f"{path}: holds no question; delete it and fetch it again")
    return passages, questions

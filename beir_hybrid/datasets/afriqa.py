"""AfriQA (arXiv 2305.06897) over its gold passages: questions in nine African languages, answered in English or French.

JSON Lines with ``id``, ``title``, ``context`` (the passage), ``question_lang`` and ``question_translated``. A question
and its human translation are one group: cross-lingual it is asked in its own language, monolingual in the one it is
answered in. The pool is the gold passages of the languages that are loaded, a far easier one than the paper's
Wikipedia. Wolof has questions but no gold passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.parallel import Answer, Question, numbered, parallel
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.json_lines import read_json_lines


class AfriqaSource(TableSource):
    """One file of questions and their passages for each language; its name ends with that of the passages."""

    @property
    def languages(self) -> tuple[str, ...]:  # type: ignore[override]  # a field of sources, derived here
        return tuple(sorted({*self.called, *map(self._answered_in, self.called)}))

    def _answered_in(self, language: str) -> str:
        return self.called[language].rpartition(".")[2]

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        chosen = [language for language in languages if language in self.called]
        if not chosen:
            known = ", ".join(self.called)
            raise DatasetError(f"{self.name} asks in {known}; add one of them to {', '.join(languages)}")
        texts: dict[str, dict[tuple[str, str], list[str]]] = {}  # by language: passage to the questions it answers
        asked: dict[str, dict[str, Question]] = {}
        for language in chosen:
            path, passages_in = self.local(root, self.file_of(language, split)), self._answered_in(language)
            for line, record in read_json_lines(path, ("context", "question_lang", "question_translated")):
                number = str(record.get("id", ""))
                if not number.isdigit():
                    raise DatasetError(f"{at(path, line)}: 'id' is {record.get('id')!r}; expected a whole number")
                group = f"{language}.{number.zfill(5)}"
                for code, text in ((language, record["question_lang"]), (passages_in, record["question_translated"])):
                    question = Question(text.strip(), group)
                    if asked.setdefault(code, {}).setdefault(group, question) != question:
                        raise DatasetError(f"{at(path, line)}: id {number} is another question above")
                passage = (str(record.get("title") or ""), record["context"])
                texts.setdefault(passages_in, {}).setdefault(passage, []).append(group)
        passages = {
            language: numbered((Answer(text, found[title, text], title) for title, text in sorted(found)), 5)
            for language, found in texts.items()
        }
        return self.dataset(root, languages, split, **parallel(passages, asked))

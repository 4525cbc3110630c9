"""MKQA (arXiv 2007.15207): 10,000 parallel questions in 26 languages, asked for their short answers.

JSON Lines with ``example_id``, ``queries`` and ``answers`` by language, each answer with ``type`` and ``text``. MKQA
has no passages; as in mteb's MKQARetrieval what is found are the answers: the different texts of a language, aliases
left out. A question is answered by those of its example in every language. Questions without any answer text
(unanswerable, long answers) are not asked.
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
from beir_hybrid.readers.json_lines import as_id, read_json_lines


class MkqaSource(TableSource):
    """One file for all languages."""

    def local(self, root: Path, file: RemoteFile) -> Path:
        plain = root / Path(file.path).name
        return plain if plain.exists() else root / file.path

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        path = self.local(root, self.file_of(languages[0], split))
        asked: dict[str, dict[str, str]] = {}  # by example: language to question
        found: dict[str, dict[str, list[str]]] = {language: {} for language in languages}  # answer to its examples
        for line, record in read_json_lines(path):
            key = as_id(record.get("example_id"))
            if key is None or key in asked:
                problem = "is no id" if key is None else "stands twice"
                raise DatasetError(f"{at(path, line)}: the example_id {record.get('example_id')!r} {problem}")
            try:
                asked[key] = {x: str(record["queries"][x]).strip() for x in languages}
                texts = {
                    x: [str(each["text"]).strip() for each in record["answers"][x] if each.get("text")] for x in found
                }
            except (KeyError, TypeError, AttributeError) as error:
                raise DatasetError(
                    f"{at(path, line)}: expected queries and answers in {', '.join(languages)}, each answer with a text"
                ) from error
            for language, own in texts.items():
                for text in dict.fromkeys(own):
                    found[language].setdefault(text, []).append(key)
        passages = {
            language: numbered((Answer(text, of[text]) for text in sorted(of)), 5) for language, of in found.items()
        }
        answered = {key for of in found.values() for keys in of.values() for key in keys}
        groups = [key for key in asked if key in answered]
        queries = {
            language: numbered((Question(asked[key][language], key) for key in groups), 5) for language in languages
        }
        unjudged = len(asked) - len(groups)
        return self.dataset(root, languages, split, **parallel(passages, queries), unjudged=unjudged)

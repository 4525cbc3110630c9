"""MKQA (arXiv 2007.15207): 10,000 parallel questions in 26 languages, asked for their short answers.

One file, ``dataset/mkqa.jsonl.gz`` in ``apple/ml-mkqa`` (its README): JSON Lines with ``example_id``, ``queries`` and
``answers`` by language, each answer with ``type`` and ``text``. MKQA has no passages; as in mteb's MKQARetrieval what
is found are the answers: the different texts of a language, aliases left out. A question is answered by those of its
example in every language. Questions without any answer text (unanswerable, long answers) are not asked.
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
from beir_hybrid.readers.json_lines import as_id, read_json_lines
from beir_hybrid.records import Licence, Queries

_LANGUAGES = "ar da de en es fi fr he hu it ja km ko ms nl no pl pt ru sv th tr vi zh_cn zh_hk zh_tw"
_FILE = RemoteFile("dataset/mkqa.jsonl.gz", "https://github.com/apple/ml-mkqa/raw/main/dataset/mkqa.jsonl.gz")


class MkqaSource(FileSource):
    """One file for all languages."""

    name = "mkqa"
    summary = "10,000 parallel questions in 26 languages, asked for their short answers"
    languages = tuple(_LANGUAGES.split())
    splits = ("test",)
    licence = Licence("CC BY-SA 3.0", "https://creativecommons.org/licenses/by-sa/3.0/")

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        return [_FILE]

    def local(self, root: Path, file: RemoteFile) -> Path:
        plain = root / Path(file.path).name
        return plain if plain.exists() else root / file.path

    def read(self, root: Path, languages: Sequence[str], split: str, **_: Any) -> Dataset:
        path = self.local(root, _FILE)
        asked: dict[str, dict[str, str]] = {}  # by example: language to question
        # by language: answer to its examples
        found: dict[str, dict[tuple[str, str], list[str]]] = {language: {} for language in languages}
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
                    found[language].setdefault(("", text), []).append(key)
        answers: dict[str, list[str]] = {}
        passages = {language: numbered_passages(language, texts, answers) for language, texts in found.items()}
        groups = [key for key in asked if key in answers]
        queries = {
            language: Queries(
                language, [f"{language}-q-{number:05d}" for number in range(len(groups))],
                [asked[key][language] for key in groups], groups, groups,
            ) for language in languages
        }  # fmt: skip
        qrels = GroupQrels(queries.values(), answers)
        return self.dataset(
            root, languages, split, passages=passages, queries=queries, qrels=qrels, unjudged=len(asked) - len(groups)
        )


source = MkqaSource()

"""The embedded sample: short texts on everyday topics, written for this project in the 11 XQuAD-R languages.

One document a line: ``{"id", "topic", "sentences": {lang: [4 texts]}, "questions": [{"sentence", "text": {lang}}]}``.
Documents of the two splits are different, so no passage is shared. Licence: that of this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.parallel import Answer, Question, numbered, parallel
from beir_hybrid.records import Licence


def sample_documents(split: str) -> list[dict[str, Any]]:
    """The documents of one split, as they stand in the package."""
    text = (files("beir_hybrid.datasets") / "sample_data" / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def sample_groups(split: str = "train") -> Iterator[dict[str, Any]]:
    """The split as parallel training groups: ``{"id", "query": {lang: text}, "passage": {lang: text}}``."""
    for document in sample_documents(split):
        for number, question in enumerate(document["questions"]):
            passage = {lang: texts[question["sentence"]] for lang, texts in document["sentences"].items()}
            yield {"id": f"{document['id']}-{number}", "query": question["text"], "passage": passage}


class SampleSource:
    """The toy that comes with the package: written for it, parallel, too small to judge anything by."""

    name = "sample"
    summary = "30 parallel questions over 440 sentences in 11 languages, shipped with the package (train: 66 over 968)"
    languages = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
    splits = ("test", "train")
    licence = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", "(written for this project)")

    def load(self, data_dir: Path | str | None, languages: Sequence[str], split: str, **options: Any) -> Dataset:
        documents = sample_documents(split)
        # ids of the two splits differ, so that a run of one is not taken for a run of the other
        first = 1000 * self.splits.index(split)
        asked = [
            (f"{document['id']}-{number}", f"{document['id']}.{question['sentence']}", question["text"])
            for document in documents
            for number, question in enumerate(document["questions"])
        ]
        passages, queries = {}, {}
        for language in languages:
            texts = [(f"{document['id']}.{number}", text) for document in documents
                     for number, text in enumerate(document["sentences"][language])]  # fmt: skip
            passages[language] = numbered((Answer(text, [about]) for about, text in texts), 4, first)
            queries[language] = numbered((Question(text[language], key, about) for key, about, text in asked), 4, first)
        return Dataset(self.name, split, **parallel(passages, queries), licence=self.licence)

    def training_groups(self) -> Iterator[dict[str, Any]]:
        """The train split as parallel groups: what ``beir-hybrid train --groups sample`` trains on."""
        return sample_groups("train")


source = SampleSource()

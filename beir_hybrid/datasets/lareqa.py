"""The two LAReQA data sets: one SQuAD-shaped file per language, parallel questions (arXiv 2004.05484)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.download import RemoteFile
from beir_hybrid.datasets.parallel import GroupQrels
from beir_hybrid.datasets.source import FileSource
from beir_hybrid.datasets.squad import Level, SquadLanguage, read_squad
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import Licence


@dataclass(frozen=True)
class LareqaSource(FileSource):
    """XQuAD-R or MLQA-R at one commit of google-research-datasets/lareqa."""

    name: str
    summary: str
    licence: Licence
    splits: tuple[str, ...]
    commit: str
    sha256: Mapping[str, str]
    question_id_width: int

    @property
    def languages(self) -> tuple[str, ...]:  # type: ignore[override]  # a field elsewhere, derived here
        return tuple(sorted(self.sha256))

    def remote_files(self, root: Path, languages: Sequence[str], split: str) -> list[RemoteFile]:
        base = f"https://raw.githubusercontent.com/google-research-datasets/lareqa/{self.commit}/{self.name}"
        return [
            RemoteFile(f"{language}.json", f"{base}/{language}.json", f"sha256:{self.sha256[language]}")
            for language in languages
        ]

    def read(
        self,
        root: Path,
        languages: Sequence[str],
        split: str,
        *,
        with_paragraph: bool = False,
        passages: Level = "sentences",
        **_: Any,
    ) -> Dataset:
        if passages not in get_args(Level) or (with_paragraph and passages == "paragraphs"):
            raise DatasetError(
                f"{self.name}: passages are {passages!r}{' with their paragraph' if with_paragraph else ''}; expected "
                f"sentences (alone or, with_paragraph, with theirs) or paragraphs"
            )
        read: dict[str, SquadLanguage] = {
            language: read_squad(
                root / f"{language}.json",
                language,
                question_id_width=self.question_id_width,
                with_paragraph=with_paragraph,
                passages=passages,
            )
            for language in languages
        }
        answers: dict[str, list[str]] = {}
        for group, passage in chain.from_iterable(one.answers.items() for one in read.values()):
            answers.setdefault(group, []).append(passage)
        queries = {language: one.queries for language, one in read.items()}
        options: dict[str, Any] = {"with_paragraph": True} if with_paragraph else {}
        options |= {"passages": passages} if passages != "sentences" else {}
        return self.dataset(
            root, languages, split, passages={language: one.passages for language, one in read.items()},
            queries=queries, qrels=GroupQrels(queries.values(), answers), options=options,
        )  # fmt: skip

"""The two LAReQA data sets: one SQuAD-shaped file per language, parallel questions (arXiv 2004.05484)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.datasets.parallel import parallel
from beir_hybrid.datasets.source import TableSource
from beir_hybrid.datasets.squad import Level, read_squad
from beir_hybrid.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class LareqaSource(TableSource):
    """XQuAD-R or MLQA-R at one commit of google-research-datasets/lareqa."""

    question_id_width: int

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
        texts, asked = {}, {}
        for language in languages:
            texts[language], asked[language] = read_squad(
                root / f"{language}.json", question_id_width=self.question_id_width, with_paragraph=with_paragraph,
                passages=passages,
            )  # fmt: skip
        options: dict[str, Any] = {"with_paragraph": True} if with_paragraph else {}
        options |= {"passages": passages} if passages != "sentences" else {}
        return self.dataset(root, languages, split, **parallel(texts, asked), options=options)

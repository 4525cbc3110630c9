"""A task as BEIR has it: in its mappings, and as a folder that its loaders read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path

from beir_hybrid.corpus.pool import PooledCorpus
from beir_hybrid.disk.files import folder_written_whole, write_json_lines
from beir_hybrid.errors import DatasetError
from beir_hybrid.records import BeirQueries, Corpus, Qrels
from beir_hybrid.settings import Task


@dataclass(frozen=True, eq=False)
class BeirView:
    """A task where BEIR wants a loader: ``BeirView(task).load()`` stands for ``GenericDataLoader(folder).load()``."""

    task: Task

    @cached_property
    def query_ids(self) -> Sequence[str]:
        """Ids of the queries; one that is a passage itself has the passage's, by which BEIR knows not to find it.

        Raises:
            DatasetError: two queries are one passage.
        """
        task = self.task
        if task.own is None:
            return task.query_ids
        own = task.own.tolist()
        ids = [task.passage_ids[at] if at >= 0 else key for key, at in zip(task.query_ids, own, strict=True)]
        if len(set(ids)) < len(ids):
            raise DatasetError(f"two queries of {task.name} are the same passage, which BEIR has no way to say")
        return ids

    def load(self, split: str | None = None) -> tuple[Corpus, BeirQueries, Qrels]:
        """Corpus, queries and qrels.

        The mappings are new at every call: BEIR changes what it is given. A corpus on disk is a mapping that reads
        each passage when it is asked for; others are dicts.

        Raises:
            DatasetError: another split than the task's is asked for, or two queries are one passage.
        """
        task = self.task
        if split is not None and split != task.split:
            raise DatasetError(
                f"task {task.name} of {task.dataset} holds split {task.split!r}, not {split!r}; "
                f"load the data set with split={split!r}"
            )
        pooled = PooledCorpus(task.blocks)
        queries = dict(zip(self.query_ids, task.query_texts, strict=True))
        return pooled if task.on_disk else {key: pooled[key] for key in pooled}, queries, self.qrels(self.query_ids)

    def qrels(self, query_ids: Sequence[str]) -> Qrels:
        """The judgments under these ids of the queries, without those of a query's own passage."""
        task = self.task
        found: Qrels = {query: {} for query in query_ids}
        pairs, _ = task.with_unreachable(task.judged.passage)
        for query, place, grade in zip(pairs.query.tolist(), pairs.passage.tolist(), pairs.grade.tolist(), strict=True):
            if task.own is None or place != task.own[query]:
                passage = task.passage_ids[place] if place >= 0 else task.unreachable_ids[-1 - place]
                found[query_ids[query]][passage] = grade
        return found

    def export(self, folder: Path | str) -> Path:
        """Write a plain BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{split}.tsv``.

        The folder appears whole or not at all. Texts in several languages say theirs in a field ``language``, which
        BEIR does not read: measured again the folder has the same setting, and is not taken for one language.

        Raises:
            BeirHybridError: the folder exists and is not empty, or cannot be written.
        """
        folder = Path(folder).expanduser()
        corpus, queries, qrels = self.load()
        task = self.task
        several = len({task.query_language, *(block.language for block in task.blocks)}) > 1

        def said(language: str) -> dict[str, str]:
            return {"language": language} if several else {}

        languages = chain.from_iterable(repeat(said(block.language), len(block)) for block in task.blocks)
        passages = ({"_id": key, **text, **says} for (key, text), says in zip(corpus.items(), languages, strict=True))
        asked = ({"_id": key, "text": text, **said(task.query_language)} for key, text in queries.items())
        with folder_written_whole(folder) as part:
            write_json_lines(part / "corpus.jsonl", passages)
            write_json_lines(part / "queries.jsonl", asked)
            (part / "qrels").mkdir()
            with (part / "qrels" / f"{task.split}.tsv").open("w", encoding="utf-8", newline="\n") as out:
                rows = csv.writer(out, delimiter="\t", lineterminator="\n")  # ids may hold quotes, which BEIR reads so
                rows.writerow(("query-id", "corpus-id", "score"))
                for query, judged in qrels.items():
                    rows.writerows((query, passage, grade) for passage, grade in judged.items())
        return folder

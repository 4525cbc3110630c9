"""A task as BEIR has it: in its mappings, and as a folder that its loaders read."""

from __future__ import annotations

from dataclasses import dataclass
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

    def load(self, split: str | None = None) -> tuple[Corpus, BeirQueries, Qrels]:
        """Corpus, queries and qrels.

        The mappings are new at every call: BEIR changes what it is given. A corpus on disk is a mapping that reads
        each passage when it is asked for; others are dicts.

        Raises:
            DatasetError: another split than the task's is asked for.
        """
        task = self.task
        if split is not None and split != task.split:
            raise DatasetError(
                f"task {task.name} of {task.dataset} holds split {task.split!r}, not {split!r}; "
                f"load the data set with split={split!r}"
            )
        pooled = PooledCorpus(task.blocks)
        queries = dict(zip(task.query_ids, task.query_texts, strict=True))
        qrels: Qrels = {query: {} for query in queries}
        pairs, _ = task.with_unreachable(task.judged.passage)
        for query, place, grade in zip(pairs.query.tolist(), pairs.passage.tolist(), pairs.grade.tolist(), strict=True):
            passage = task.passage_ids[place] if place >= 0 else task.unreachable_ids[-1 - place]
            qrels[task.query_ids[query]][passage] = grade
        return pooled if task.on_disk else {key: pooled[key] for key in pooled}, queries, qrels

    def export(self, folder: Path | str) -> Path:
        """Write a plain BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{split}.tsv``.

        The folder appears whole or not at all.

        Raises:
            BeirHybridError: the folder exists and is not empty, or cannot be written.
        """
        corpus, queries, qrels = self.load()
        with folder_written_whole(Path(folder)) as part:
            write_json_lines(part / "corpus.jsonl", ({"_id": key, **record} for key, record in corpus.items()))
            write_json_lines(part / "queries.jsonl", ({"_id": key, "text": text} for key, text in queries.items()))
            (part / "qrels").mkdir()
            with (part / "qrels" / f"{self.task.split}.tsv").open("w", encoding="utf-8", newline="\n") as out:
                out.write("query-id\tcorpus-id\tscore\n")
                for query, judged in qrels.items():
                    out.writelines(f"{query}\t{passage}\t{grade}\n" for passage, grade in judged.items())
        return Path(folder)

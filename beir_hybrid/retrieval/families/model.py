"""Models of the other families of sentence-transformers as retrievers hold them, and what ranks whole corpora by them.

For `SparseRetriever`, `LateInteractionRetriever` and `RerankingRetriever`.
"""

from __future__ import annotations

import abc
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError, first_line
from beir_hybrid.progress import counted, progress
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, Hits
from beir_hybrid.retrieval.beir import BeirSearchable, beir_results, corpus_texts
from beir_hybrid.retrieval.contract import Bound, Ranking, unidentified
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, Rows
from beir_hybrid.retrieval.dense.models import Role, check_device, load_class, model_fingerprint, name_of, own_prompts
from beir_hybrid.retrieval.dense.segments import Cache, folder_of
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.scores import PairScores
from beir_hybrid.retrieval.search.search import rankings, search
from beir_hybrid.settings import Task

CHUNK = 256
"""Texts that a model is given, and that are counted, at a time."""
DEFAULT_TOP_K = 100


class FamilyModel:
    """A model and how it is asked.

    Args:
        given: a loaded model, its name or path.
        class_name: of sentence-transformers, such as ``SparseEncoder``.
        name: how results call it; default: the model's name.
        query_prompt, passage_prompt: put before texts; None: the model's own.
        batch_size: texts (or pairs) at a time.
        device: one device, or several joined by commas, over which sentence-transformers spreads the work.
        dtype: of the weights, such as ``bfloat16``; None: as they are saved.
        cache: the folder of what is computed, see `folder_of`.

    Raises:
        RetrieverError: it cannot be loaded.
    """

    def __init__(
        self, given: Any, class_name: str, *, name: str | None = None, query_prompt: str | None = None,
        passage_prompt: str | None = None, batch_size: int = 32, device: str | None = None, dtype: str | None = None,
        cache: Cache = None,
    ) -> None:  # fmt: skip
        self._devices = device.split(",") if device else []
        self._source = str(given) if isinstance(given, str | Path) else None
        self.model = given
        if self._source is not None:
            for each in self._devices:
                check_device(each)
            options: dict[str, Any] = {"model_kwargs": {"torch_dtype": dtype}} if dtype else {}
            self.model = load_class(class_name, self._source, next(iter(self._devices), None), **options)
        self.name = name or (Path(self._source).name if self._source else name_of(self.model))
        self.batch_size = batch_size
        self._given_prompts: dict[str, str | None] = {"query": query_prompt, "passage": passage_prompt}
        self._dtype = dtype
        self._fingerprint = model_fingerprint(self.model)
        self._cache = cache
        self._pool: Any = None

    def record(self, kind: str) -> dict[str, Any]:
        """What `Retriever.describe` says of it."""
        return {
            "type": kind,
            "model": self._source or name_of(self.model),
            "fingerprint": self._fingerprint or unidentified(self.model),
            **{f"{role}_prompt": text for role, text in self.prompts.items()},
            **({"dtype": self._dtype} if self._dtype else {}),
        }

    @property
    def prompts(self) -> dict[Role, str]:
        """What is put before texts: as given, else the model's own."""
        own = own_prompts(self.model)
        return {role: text if (given := self._given_prompts[role]) is None else given for role, text in own.items()}

    @property
    def ours(self) -> bool:
        """Whether it is a model of sentence-transformers, and takes the options of one."""
        return type(self.model).__module__.startswith("sentence_transformers.")

    def store(self, role: Role | None, *, several: bool = False) -> EmbeddingStore:
        """What is kept of texts in a role, or of pairs; nothing outlives it where nothing may be kept on disk."""
        asked = (*((role, self.prompts[role]) if role else ("pair", "")), str(self._dtype))
        return EmbeddingStore(
            folder_of(self._cache, self._fingerprint, *asked, *(["rows"] if several else [])), several=several
        )

    def rows(
        self, role: Role, lists: Mapping[str, Sequence[str]], encode: Callable[[Sequence[str]], Rows]
    ) -> Iterator[tuple[str, Rows]]:
        """What ``encode`` makes of texts in a role, list by list; how far it is, is said."""
        what = "queries" if role == "query" else "passages"
        with progress(f"encoding {what}", sum(map(len, lists.values())), "text") as shown:

            def encode_blocks(blocks: Iterable[tuple[int, Sequence[str]]]) -> Iterator[tuple[int, Rows]]:
                for number, texts in blocks:
                    parts = []
                    for begin in range(0, len(texts), CHUNK):
                        parts.append(encode(texts[begin : begin + CHUNK]))
                        shown.advance(len(parts[-1].counts))
                    yield number, Rows(*map(np.concatenate, zip(*parts, strict=True)))

            for name, texts in lists.items():
                store = self.store(role, several=True)  # one for each: what is kept nowhere is held no longer than that
                yield name, store.rows(list(texts), encode_blocks, shown.skip)

    @property
    def spread(self) -> dict[str, Any]:
        """The option by which sentence-transformers spreads work over several devices: a process of its own for each.

        They are started once, at the first work there is, and end with this object.
        """
        if len(self._devices) < 2:
            return {}
        if self._pool is None:
            self._pool = self.model.start_multi_process_pool(self._devices)
            weakref.finalize(self, self.model.stop_multi_process_pool, self._pool)
        return {"pool": self._pool}

    def encode(self, role: Role, texts: Sequence[str], **options: Any) -> Any:
        """What the model's ``encode_query`` or ``encode_document`` gives."""
        encode = self.model.encode_query if role == "query" else self.model.encode_document
        if self.prompts[role]:
            options["prompt"] = self.prompts[role]
        try:
            return encode(list(texts), batch_size=self.batch_size, show_progress_bar=False, **self.spread, **options)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise RetrieverError(
                f"{self.name} could not encode {counted(len(texts), 'text', 'texts')} as {role}: {first_line(error)}"
            ) from error


class PairScoringRetriever(BeirSearchable, abc.ABC):
    """Ranks by the scores of all pairs, every passage down to the last."""

    kind: str
    """What results call the family."""
    _model: FamilyModel
    name: str
    _work: int
    """Bytes that a search works in, besides the vectors."""

    @abc.abstractmethod
    def _scores(self, queries: Mapping[str, Sequence[str]], passages: Mapping[str, Sequence[str]]) -> PairScores:
        """The scores of texts, both by name."""

    def describe(self) -> dict[str, Any]:
        return self._model.record(self.kind)

    def bind(self, dataset: Dataset) -> Bound:
        return Bound(dataset, self._rank, depth=None)

    def _rank(self, tasks: Sequence[Task], top_k: int | None) -> Iterator[Ranking]:
        queries = {task.query_language: task.queries.texts for task in tasks}
        passages = {block.language: block.lazy_full_texts() for task in tasks for block in task.blocks}
        scores = self._scores(queries, passages)
        for ranking in rankings(tasks, scores, top_k or DEFAULT_TOP_K, self._work):
            yield self._finished(ranking, scores)

    def _finished(self, ranking: Ranking, scores: Any) -> Ranking:
        return ranking

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search over the whole corpus; the score is the family's own whatever is passed."""
        ids = sorted(corpus)

        def best(depth: int) -> Hits:
            scores = self._scores({"": list(queries.values())}, {"": corpus_texts(corpus, ids)})
            return next(search([SearchRequest.of_all(len(queries), depth)], scores, self._work))[1].hits

        return beir_results(queries, ids, top_k, best)

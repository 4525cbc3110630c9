"""Dense retrieval with any sentence-transformers model or encode function: exact, full depth, every text once."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import fingerprint_of
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.disk.passing_folder import passing_folder
from beir_hybrid.errors import RetrieverError
from beir_hybrid.neutralize.transform import Transform, read_transform
from beir_hybrid.progress import Progress, progress, tell
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, FloatArray, Hits, IntArray
from beir_hybrid.retrieval.beir import BeirSearchable, beir_results, corpus_texts
from beir_hybrid.retrieval.contract import Bound, Ranking, unidentified, whole_number
from beir_hybrid.retrieval.dense.agreement import CANDIDATES, Agreement
from beir_hybrid.retrieval.dense.dtype_choice import agrees, bfloat16_agreement
from beir_hybrid.retrieval.dense.dtypes import DtypeChoice, check_dtype
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, encoded, in_turn
from beir_hybrid.retrieval.dense.encoder import Encoder, Role, function_of
from beir_hybrid.retrieval.dense.models import model_fingerprint, name_of, open_model, own_prompts
from beir_hybrid.retrieval.dense.scored_form import ScoredForm
from beir_hybrid.retrieval.dense.segments import Cache, folder_of
from beir_hybrid.retrieval.dense.vector_files import PRECISIONS, Precision, VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.engine import EngineName, RunningEngine, build_engine
from beir_hybrid.retrieval.search.plan import SearchPlan
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.search import rankings_of
from beir_hybrid.settings import Task

Similarity = Literal["cosine", "dot"]
DEFAULT_TOP_K = 100
DEFAULT_MEMORY = 4096
"""Megabytes of embeddings and scores above which a search works from disk, block by block."""
_WORK = 256 << 20
"""Bytes that a search works in at least, where all vectors are in memory."""


class DenseRetriever(BeirSearchable):
    """Ranks by the similarity of embeddings.

    Embeddings and scores are held in memory as long as they fit into ``memory``. Larger corpora are encoded into
    files, block by block, and searched from them. Either way ranks are those of `exact_scores`.

    Args:
        model: a sentence-transformers model, its name or path, an object with ``encode_queries(texts)`` and
            ``encode_corpus(records)`` as BEIR's models have, or ``encode(texts)``, or a function from a list of texts
            to vectors [n, d] (which then serves queries and passages alike). A name is that of a registered encoder,
            such as ``e5-small``, before it is one of a folder or on the hub.
        query_prompt: put before every query. None: the model's own, see `own_prompts`.
        passage_prompt: put before every passage. None: likewise.
        similarity: ``cosine`` or ``dot``; None: the model's own, else cosine.
        name: how results call it; default: the model's name, and that it was neutralized.
        batch_size: texts a sentence-transformers model encodes at a time, default 32, on an accelerator 256; other
            encoders get up to 2,048 texts.
        device: passed to sentence-transformers when ``model`` is a name or path.
        cache: the folder of embeddings; None: ``embeddings`` in the cache folder of this package. False: nothing
            is kept on disk, as with an encoder that nothing identifies.
        identity: what identifies an encoder and its weights. Needed only where there are no PyTorch weights to take
            a fingerprint of (functions, ONNX): without it nothing is cached on disk, and an evaluation of it can
            be resumed only with the same object.
        memory: megabytes for embeddings and scores.
        truncate_dim: score only the first so many values of each vector, as Matryoshka models allow. Rankings carry how
            far they agree with those of whole vectors (``observed``, see `Agreement`).
        engine: ``local``, or ``ray``: passages are encoded, and corpora on disk searched, by the workers of a Ray
            cluster, with the same answer, bit for bit; the cache must be on storage that all its nodes share. What
            either engine has encoded the other goes on from.
        address: of the Ray cluster, see `ray_cluster`; None: the one this process is connected to, else a local one
            that is started and stopped again.
        precision: what passages' vectors are kept as on disk and scored as (queries stay float32). ``float16`` halves
            the files, ``int8`` quarters them (a scale for each dimension, from a sample of the corpus); both always
            work from disk, and rankings carry how far they agree with those of float32 (``observed``, see `Agreement`).
        dtype: what a sentence-transformers model computes its vectors with; they are float32 whatever it is. ``auto``:
            ``bfloat16`` where the processor has it and rankings agree with float32 (see `bfloat16_agreement`; bound
            retrievers say how far), else ``float32``. Vectors of one are never taken for those of another.
        neutralize: what is language in the model's vectors, or the folder `neutralize` wrote it into; it is removed
            from vectors as they are scored, so that nothing is encoded again.

    Raises:
        RetrieverError: the model cannot be loaded, or an option is unknown.
        NeutralizeError: ``neutralize`` was learnt from another model, or is damaged.
    """

    def __init__(
        self,
        model: Any,
        *,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        similarity: Similarity | None = None,
        name: str | None = None,
        batch_size: int | None = None,
        device: str | None = None,
        cache: Cache = None,
        identity: str | None = None,
        memory: int = DEFAULT_MEMORY,
        truncate_dim: int | None = None,
        precision: Precision = "float32",
        dtype: DtypeChoice = "auto",
        engine: EngineName = "local",
        address: str | None = None,
        neutralize: Transform | Path | str | None = None,
    ) -> None:
        for what, number in (("memory", memory), ("truncate_dim", truncate_dim), ("batch_size", batch_size)):
            if number is not None:
                whole_number(what, number)
        for prompt in (query_prompt, passage_prompt):
            if not isinstance(prompt, str | None):
                raise RetrieverError(f"a prompt is {prompt!r}; expected a text, which is put before every text")
        if precision not in PRECISIONS:
            raise RetrieverError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        self._memory = memory << 20
        self._truncate_dim = truncate_dim
        self._precision: Precision = precision
        self._engine = build_engine(engine, address)
        self._transform_folder = str(neutralize) if isinstance(neutralize, str | Path) else None
        self._transform = read_transform(neutralize) if isinstance(neutralize, str | Path) else neutralize
        opened = open_model(model, device)
        self._model, self._record = opened.model, opened.record
        self._label = str(model) if isinstance(model, str | Path) else name_of(model)
        roles: tuple[Role, ...] = ("query", "passage")
        for role in roles:
            function_of(self._model, role)  # refuses what is no encoder
        given: dict[Role, str | None] = {"query": query_prompt, "passage": passage_prompt}
        own = own_prompts(self._model)
        self.prompts: dict[Role, str] = {role: own[role] if text is None else text for role, text in given.items()}
        self.similarity: str = similarity or getattr(self._model, "similarity_fn_name", None) or "cosine"
        if self.similarity not in ("cosine", "dot"):
            raise RetrieverError(f"unknown similarity {self.similarity!r}; known: cosine, dot")
        called = Path(self._label).name if isinstance(model, str | Path) else self._label
        self.name = name or (called if self._transform is None else f"{called} neutralized")
        self.identity = model_fingerprint(self._model) or identity
        if self._transform is not None:
            self._transform.check_base(self._label, self.identity)
        self._encoder = Encoder(
            self._model, opened.location, device, self.prompts, batch_size or self._batch, self.identity
        )
        if not self._encoder.plain and (truncate_dim is not None or self._transform is not None):
            # refused before anything else is loaded; functions may know no other texts than those of a data set
            self._scored("query", None)(encoded(["any text"], partial(self._encoder.encode, "query"), "query"))
        check_dtype(self._model, dtype)
        self._dtype_agreement: dict[str, Any] | None = None
        if dtype == "auto":
            kept = folder_of(cache, self.identity)
            self._dtype_agreement = bfloat16_agreement(self._encoder, kept and kept.parent, self.similarity)
            dtype = "bfloat16" if self._dtype_agreement and agrees(self._dtype_agreement) else "float32"
        self._encoder = replace(self._encoder, dtype=dtype)
        # the role counts as well: models with a router encode the same text in two ways
        asked = {role: (role, text, *([dtype] if dtype != "float32" else [])) for role, text in self.prompts.items()}
        self._stores = {
            role: EmbeddingStore(folder_of(cache, self.identity, *parts), partial(self._encoder.in_order, role))
            for role, parts in asked.items()
        }

    @property
    def _batch(self) -> int:
        """A processor is busy with few texts, an accelerator waits between small batches."""
        return 32 if str(getattr(self._model, "device", "cpu")).startswith("cpu") else 256

    @property
    def model(self) -> Any:
        """What encodes."""
        return self._model

    @property
    def summary(self) -> str:
        """One line for people: what the model is where its name does not say it, and its prompts."""
        weights = f" ({self._record['weights']})" if "weights" in self._record else ""
        queries, passages = (repr(text) if (text := self.prompts[role]) else "none" for role in ("query", "passage"))
        prompts = f"prompts: queries {queries}, passages {passages}"
        return f"model {self._label}{weights} in {self._encoder.dtype}; {prompts}"

    def describe(self) -> dict[str, Any]:
        length = getattr(self._model, "max_seq_length", None)
        return {
            "type": "dense",
            "model": self._label,
            **({"encoder": dict(self._record)} if self._record else {}),
            "fingerprint": self.identity or unidentified(self._model),
            "query_prompt": self.prompts["query"],
            "passage_prompt": self.prompts["passage"],
            "similarity": self.similarity,
            # static models read texts of any length, which they say with infinity: JSON has none
            "max_seq_length": int(length) if length is not None and math.isfinite(length) else None,
            # said only where they were chosen: what they change are the scores
            **({"neutralize": self._transform.describe()} if self._transform else {}),
            **({"neutralize_folder": self._transform_folder} if self._transform_folder else {}),
            **({"truncate_dim": self._truncate_dim} if self._truncate_dim else {}),
            **({"dtype": self._encoder.dtype} if self._encoder.dtype != "float32" else {}),
            **({"precision": self._precision} if self._precision != "float32" else {}),
        }

    def embed(
        self,
        role: Role,
        texts: Sequence[str],
        bar: Progress | None = None,
        language: str | None = None,
    ) -> FloatArray:
        """Embeddings as they are scored: float32 [len(texts), d], of unit length if the similarity is cosine.

        Args:
            bar: told of the texts that are done, and of those that were kept.
            language: of the texts; matters where what is removed from them differs by language.

        Raises:
            RetrieverError: the model returned NaN, infinity or the wrong shape.
        """
        encode = partial(self._encoder.encode, role, progress=bar.advance if bar else None)
        vectors = self._stores[role].embed(texts, in_turn(encode, role), bar.skip if bar else None)
        return self._scored(role, language)(vectors)

    def _scored(self, role: Role, language: str | None) -> ScoredForm:
        change = None if self._transform is None else partial(self._transform, role=role, language=language)
        return ScoredForm(self.name, self.similarity, self._truncate_dim, change)

    def _try(self, texts: Iterable[str]) -> None:
        """One of these queries, where vectors are cut or changed: what does not fit is refused before all the rest."""
        one = list(itertools.islice(texts, 1))
        if one and (self._truncate_dim is not None or self._transform is not None):
            self.embed("query", one)

    def _fits(self, n_passages: int, dimension: int) -> bool:
        """Whether vectors as they come, as they are scored and one more copy fit into memory."""
        return n_passages * 12 * dimension <= self._memory

    @contextlib.contextmanager
    def _vectors_of(
        self, texts: Mapping[str, Sequence[str]], contents: Mapping[str, str], queries: Mapping[str, FloatArray],
        requests: Sequence[SearchRequest], engine: RunningEngine, bar: Progress,
    ) -> Iterator[Mapping[str, FloatArray | VectorFiles]]:  # fmt: skip
        """The vectors of corpora: in memory where they fit, else in files, in the cache where the encoder is known.

        Args:
            texts: title and text of every passage as one string; read slice by slice where they need not fit.
            contents: digests of texts, where there are some already.
        """
        dimension = max((vectors.shape[1] for vectors in queries.values()), default=0)
        held: dict[str, FloatArray | VectorFiles] = {}
        with contextlib.ExitStack() as stack:
            if self._precision == "float32" and self._fits(sum(map(len, texts.values())), dimension):
                lists = {name: list(some) for name, some in texts.items()}
                encode = partial(engine.encode, told=bar.advance, ordered=True)
                self._stores["passage"].fill(list(lists.values()), encode, bar.skip)
                held |= {name: self.embed("passage", some, language=name) for name, some in lists.items()}
            else:
                base = self._stores["passage"].folder or stack.enter_context(passing_folder(cache_dir(), "vectors"))
                files = {
                    name: VectorFiles(
                        base / f"corpus-{contents.get(name) or fingerprint_of(some)}-{self._precision}", len(some),
                        self._precision, self._scored("passage", name),
                    )
                    for name, some in texts.items()
                }  # fmt: skip
                # refuses before anything is encoded
                SearchPlan(requests, VectorScores(queries, files), self._memory, engine.threads)
                for name, corpus in files.items():
                    corpus.fill(texts[name], partial(engine.encode, told=bar.advance), bar.skip)
                held |= files
            dimensions = {each.shape[1] for each in (*queries.values(), *held.values()) if len(each)}
            if len(dimensions) > 1:
                raise RetrieverError(
                    f"{self.name} gave vectors of {' and '.join(map(str, sorted(dimensions)))} dimensions; "
                    f"queries and passages must have the same"
                )
            yield held

    def bind(self, dataset: Dataset) -> Bound:
        """Every task of the data set, always at full depth."""
        observed = {"agreement_of_dtype": self._dtype_agreement} if self._dtype_agreement else {}
        return Bound(dataset, self.retrieve, depth=None, observed=observed)

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        """Full-depth rankings; ``top_k`` (default 100) is only how many passages of each are kept.

        A query whose vector is all zeros (no token of it is known, say) has no ranking.
        """
        if not self._encoder.plain:
            tell(self.summary)
        else:
            self._try(text for task in tasks for text in task.query_texts)
        queries = {task.query_language: task.queries for task in tasks}
        passages = {block.language: block for task in tasks for block in task.blocks}
        if self._transform is not None:
            self._transform.say_unseen({*queries, *passages})
        depth = DEFAULT_TOP_K if top_k is None else top_k
        smaller = self._precision != "float32" or self._truncate_dim is not None
        agreement = Agreement(tasks, self._whole) if smaller else None
        requests = [SearchRequest.of_task(task, max(depth, CANDIDATES) if smaller else depth) for task in tasks]
        with contextlib.ExitStack() as stack:
            engine = stack.enter_context(self._engine(self._encoder))
            with progress(
                "encoding", sum(map(len, queries.values())) + sum(map(len, passages.values())), "text"
            ) as bar:
                asked = [block.texts for block in queries.values()]
                encode = partial(self._encoder.encode, "query", progress=bar.advance)
                self._stores["query"].fill(asked, in_turn(encode, "query"), bar.skip)
                vectors = {name: self.embed("query", block.texts, language=name) for name, block in queries.items()}
                texts = {name: block.lazy_full_texts() for name, block in passages.items()}
                contents = {name: block.content for name, block in passages.items()}
                corpora = stack.enter_context(self._vectors_of(texts, contents, vectors, requests, engine, bar))
            for ranking in rankings_of(tasks, self._answers(requests, vectors, corpora, engine)):
                found = agreement and agreement.of(ranking)
                observed = {"agreement_with_float32": found} if found else {}
                cut = replace(ranking, hits=ranking.hits.cut(depth), observed=observed)
                yield cut.unanswered(_silent(vectors, ranking.task))

    def _answers(
        self, requests: Sequence[SearchRequest], queries: Mapping[str, FloatArray],
        corpora: Mapping[str, FloatArray | VectorFiles], engine: RunningEngine,
    ) -> Iterator[tuple[int, SearchAnswer]]:  # fmt: skip
        device = str(getattr(self._model, "device", "cpu"))
        scores = VectorScores(queries, corpora, None if device.startswith("cpu") else device)
        if any(isinstance(each, VectorFiles) for each in corpora.values()):
            found = self._shown(requests, scores, engine)
        else:  # what is in memory takes no time
            found = engine.search(requests, scores, max(self._memory, _WORK), lambda n: None)
        for number, answer in found:
            if not np.isfinite(answer.hits.scores).all():
                raise RetrieverError(
                    f"{self.name} gives vectors so long that float32 does not hold their dot products; use the "
                    f"similarity cosine"
                )
            yield number, answer

    def _shown(
        self, requests: Sequence[SearchRequest], scores: VectorScores, engine: RunningEngine
    ) -> Iterator[tuple[int, SearchAnswer]]:
        work = SearchPlan(requests, scores, self._memory, engine.threads).work
        with progress("searching", work, "passage") as bar:
            yield from engine.search(requests, scores, self._memory, bar.advance)

    def _whole(self, role: Role, texts: Sequence[tuple[str, str]]) -> FloatArray:
        """Whole float32 vectors of texts of any languages, given as (language, text)."""
        encode = partial(self._encoder.encode, role)
        vectors = self._stores[role].embed([text for _, text in texts], in_turn(encode, role))
        forms = {language: replace(self._scored(role, language), truncate_dim=None) for language, _ in texts}
        return np.concatenate([forms[texts[at][0]](vectors[at : at + 1]) for at in range(len(texts))])

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search; ``score_function`` is this retriever's own similarity whatever is passed."""
        passage_ids = sorted(corpus)
        if self._encoder.plain:
            self._try(queries.values())

        def best(depth: int) -> Hits:
            request = SearchRequest.of_all(len(queries), depth)
            vectors = {"": self.embed("query", list(queries.values()))}
            texts = corpus_texts(corpus, passage_ids)
            with contextlib.ExitStack() as stack:
                engine = stack.enter_context(self._engine(self._encoder))
                with progress("encoding", len(texts), "text") as bar:
                    corpora = stack.enter_context(self._vectors_of({"": texts}, {}, vectors, [request], engine, bar))
                return next(self._answers([request], vectors, corpora, engine))[1].hits

        return beir_results(queries, passage_ids, top_k, best)


def _silent(vectors: Mapping[str, FloatArray], task: Task) -> IntArray:
    """The rows of a task whose queries' vectors are all zeros: every passage scores the same."""
    return np.flatnonzero(~vectors[task.query_language][task.rows].any(axis=1))

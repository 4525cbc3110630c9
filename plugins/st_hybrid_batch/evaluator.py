"""An evaluator for the trainer: monolingual, cross-lingual and multilingual quality, and language bias."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder, MultiVectorEncoder
from sentence_transformers.base.evaluation import BaseEvaluator

from st_hybrid_batch.group import Group
from st_hybrid_batch.languages import I64, check_languages

F32 = NDArray[np.float32]
_QUERIES_AT_ONCE = 256
MOST_PAIRS = 250_000
"""More than this a cross encoder is not asked to score at every evaluation."""
METRICS = ("mono_map", "cross_map", "multi_map", "rank_distance")


class ParallelEvaluator(BaseEvaluator):  # type: ignore[misc]
    """Scores any model on parallel groups in three settings.

    Queries and passages are encoded as such (``encode_query``, ``encode_document``, each by its route of a Router)
    and compared by the model's own ``similarity``; a CrossEncoder scores every pair: give it few (``max_groups``).

    * monolingual: questions in X against the passages in X; mean over languages;
    * cross-lingual: questions in X against the passages in Y; mean over ordered pairs;
    * multilingual: questions in X against the passages of all languages, all parallel ones relevant;
    * rank distance: in the multilingual setting, worst minus best rank of a question's relevant passages.
      Lower is less biased; its floor is the number of relevant passages minus 1.

    All average precisions are uncut. Passages of one text are once in a language's corpus; where a group's
    ``passage_group`` has the passage in a language that the group lacks, that one is relevant. Meant for a small
    development set (some hundred groups): every passage is scored.

    Metrics are ``{name}_mono_map``, ``{name}_cross_map``, ``{name}_multi_map`` and ``{name}_rank_distance``.
    For the best model or early stopping name one, e.g. ``metric_for_best_model="eval_dev_multi_map"``; the
    trainer does not look at ``primary_metric`` itself. ``rank_distance`` needs ``greater_is_better=False``.

    Args:
        groups: the groups; a language counts where a group has both question and passage.
        languages: the languages to score, as far as the groups chosen have them; all by default.
        max_groups: score only so many groups, spread evenly over those given.
        name: prefix of the metrics.
        query_prompt: put before each query, e.g. ``"Query: "``; None leaves it to the model's own prompts.
        passage_prompt: likewise for passages.
        batch_size: texts encoded at a time.

    Example:
        ```python
        dev = ParallelEvaluator(read_jsonl("groups.jsonl.gz", split="dev"), max_groups=300, name="dev")
        args = SentenceTransformerTrainingArguments(
            eval_strategy="steps",
            metric_for_best_model="eval_dev_multi_map",
            load_best_model_at_end=True,
            ...
        )
        trainer = SentenceTransformerTrainer(model, args, train, loss=loss, evaluator=dev)
        ```
    """

    def __init__(
        self,
        groups: Iterable[Group],
        *,
        languages: Sequence[str] | None = None,
        max_groups: int | None = None,
        name: str = "parallel",
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        batch_size: int = 64,
    ) -> None:
        super().__init__()
        chosen = list(groups)
        check_languages(languages or (), _languages_of(chosen))
        if max_groups is not None and max_groups < 1:
            raise ValueError(f"max_groups must be at least 1, or None for all groups, got {max_groups!r}")
        if max_groups is not None and max_groups < len(chosen):
            chosen = [chosen[int(number)] for number in np.linspace(0, len(chosen) - 1, max_groups)]
        self.languages = [name for name in _languages_of(chosen) if languages is None or name in languages]
        if not self.languages:
            raise ValueError("no group has a question and a passage in one language; there is nothing to score")
        self.name = name
        self.primary_metric = f"{name}_multi_map" if name else "multi_map"
        self.query_prompt, self.passage_prompt, self.batch_size = query_prompt, passage_prompt, batch_size
        self._queries: list[str] = []
        self._passages: list[str] = []
        self._lay_out(chosen)

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Score a model.

        Args:
            model: the model.
            output_path: unused; the trainer logs the metrics.
            epoch, steps: when this evaluation is.

        Returns:
            The metrics. One without a case (cross-lingual with a single language) is left out.
        """
        scores = self._predict(model) if isinstance(model, CrossEncoder) else self._compare(model)
        inside, pooled = parallel_ranks(scores, self._block_start, self._relevant)
        metrics = summarise(self._query_language, inside, pooled)
        prefixed: dict[str, float] = self.prefix_name_to_metrics(metrics, self.name)
        self.store_metrics_in_model_card_data(model, prefixed, int(epoch), steps)
        return prefixed

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it can measure of `METRICS`: some need a question with passages in two languages."""
        parallel = ((self._relevant >= 0).sum(axis=1) > 1).any()
        return METRICS if parallel else ("mono_map", "multi_map")

    def check(self, model: Any) -> None:
        """Refuse a CrossEncoder that would have too many pairs to score; said here before a training begins.

        Raises:
            ValueError: how many there are.
        """
        pairs = len(self._queries) * len(self._passages)
        if isinstance(model, CrossEncoder) and pairs > MOST_PAIRS:
            raise ValueError(
                f"a CrossEncoder would score {pairs:,} pairs at every evaluation; give ParallelEvaluator fewer groups "
                f"(max_groups=N) or languages, for at most {MOST_PAIRS:,} pairs"
            )

    def get_config_dict(self) -> dict[str, Any]:
        """What a model card says of it."""
        return {"languages": self.languages, "queries": len(self._queries), "passages": len(self._passages)}

    def _compare(self, model: Any) -> Iterator[F32]:
        """Scores of some queries at a time with all passages, by the model's similarity."""
        # late interaction has a list of matrices, the others one matrix
        matrix = {} if isinstance(model, MultiVectorEncoder) else {"convert_to_tensor": True}
        options = {"batch_size": self.batch_size, "show_progress_bar": False, **matrix}
        passages = model.encode_document(self._passages, prompt=self.passage_prompt, **options)
        for begin in range(0, len(self._queries), _QUERIES_AT_ONCE):
            texts = self._queries[begin : begin + _QUERIES_AT_ONCE]
            queries = model.encode_query(texts, prompt=self.query_prompt, **options)
            yield model.similarity(queries, passages).float().cpu().numpy()

    def _predict(self, model: CrossEncoder) -> Iterator[F32]:
        """The same by a cross encoder, one query at a time."""
        self.check(model)
        passages = [(self.passage_prompt or "") + text for text in self._passages]
        for query in self._queries:
            text = (self.query_prompt or "") + query
            scored = model.predict(
                [(text, passage) for passage in passages], batch_size=self.batch_size, show_progress_bar=False
            )
            yield np.asarray(scored, dtype=np.float32).reshape(1, -1)

    def _lay_out(self, groups: list[Group]) -> None:
        """Number the passages by language and the questions with their relevant passages."""
        own = np.full((len(groups), len(self.languages)), -1)  # the passage of each group and language
        relevant = own.copy()
        starts = []
        for column, language in enumerate(self.languages):
            starts.append(len(self._passages))
            numbers: dict[str, int] = {}  # of each text
            shared: dict[str | None, int] = {}  # of each passage group
            for row, group in enumerate(groups):
                if language in group.languages:
                    number = numbers.setdefault(group.passage[language], len(numbers) + starts[-1])
                    shared.setdefault(group.passage_group, number)
                    own[row, column] = relevant[row, column] = number
            self._passages += numbers
            for row, group in enumerate(groups):
                if own[row, column] < 0 and group.passage_group is not None:
                    relevant[row, column] = shared.get(group.passage_group, -1)
        rows, self._query_language = np.nonzero(own >= 0)
        self._queries = [
            groups[row].query[self.languages[column]] for row, column in zip(rows, self._query_language, strict=True)
        ]
        self._block_start, self._relevant = np.array(starts), relevant[rows]


def _languages_of(groups: Iterable[Group]) -> list[str]:
    return sorted({language for group in groups for language in group.languages})


def parallel_ranks(scores: Iterable[F32], block_start: I64, relevant: I64) -> tuple[I64, I64]:
    """Rank every parallel passage of every query.

    A rank is 1 + the number of passages that order before: higher score first, and of equal scores (as
    float32) the later passage first, which is trec_eval's order for passages numbered in ascending id.

    Args:
        scores: ``(n, N)`` scores of some queries and all passages, by language; the queries block after block.
        block_start: ``(L,)`` first passage of each language.
        relevant: ``(Q, L)`` the relevant passage in each language, -1 where there is none.

    Returns:
        ``(Q, L)`` rank among the passages of that language, and ``(Q, L)`` rank in the pool; 0 where
        there is no relevant passage.

    Raises:
        ValueError: scores that are NaN or infinite.
    """
    inside, pooled = np.zeros_like(relevant), np.zeros_like(relevant)
    begin = 0
    for block in scores:
        if not np.isfinite(block).all():  # else all passages would come first
            raise ValueError("the model's scores are no numbers (NaN): it has diverged; lower the learning rate")
        number = np.arange(block.shape[1])
        for language in range(relevant.shape[1]):
            passages = relevant[begin : begin + len(block), language]
            rows = np.flatnonzero(passages >= 0)
            own = passages[rows, None]
            score = np.take_along_axis(block[rows], own, axis=1)
            before = (block[rows] > score) | ((block[rows] == score) & (number > own))
            counts = np.add.reduceat(before, block_start, axis=1, dtype=np.int64)  # (rows, L)
            inside[begin + rows, language] = 1 + counts[:, language]
            pooled[begin + rows, language] = 1 + counts.sum(axis=1)
        begin += len(block)
    return inside, pooled


def summarise(languages: I64, inside: I64, pooled: I64) -> dict[str, float]:
    """The three settings and the bias, from ranks (METHOD: mean over queries, then over languages or pairs).

    Args:
        languages: ``(Q,)`` language number of each query.
        inside: as `parallel_ranks` gives them.
        pooled: likewise.

    Returns:
        ``mono_map``, ``cross_map`` and ``multi_map`` (uncut mean average precision), and ``rank_distance``
        (worst minus best pool rank over the relevant passages of a query; queries with two or more).
    """
    values: dict[str, list[float]] = {name: [] for name in METRICS}
    for language in np.unique(languages):
        own_inside, own_pooled = inside[languages == language], pooled[languages == language]
        for other in range(inside.shape[1]):
            found = own_inside[:, other][own_inside[:, other] > 0]
            if len(found):
                values["mono_map" if other == language else "cross_map"].append((1.0 / found).mean())
        ranks = [np.sort(row[row > 0]) for row in own_pooled]
        values["multi_map"].append(np.mean([(np.arange(1, len(row) + 1) / row).mean() for row in ranks]))
        if spreads := [np.ptp(row) for row in ranks if len(row) > 1]:
            values["rank_distance"].append(np.mean(spreads))
    return {name: float(np.mean(found)) for name, found in values.items() if found}

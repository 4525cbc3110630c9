"""An evaluator for the trainer: monolingual, cross-lingual and multilingual quality, and language bias."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sentence_transformers.base.evaluation import BaseEvaluator

from st_hybrid_batch.groups import Group
from st_hybrid_batch.ranks import parallel_ranks, summarise
from st_hybrid_batch.weights import check_languages

METRICS = ("mono_map", "cross_map", "multi_map", "rank_distance")


class ParallelEvaluator(BaseEvaluator):  # type: ignore[misc]
    """Scores a model on parallel groups in three settings.

    * monolingual: questions in X against the passages in X; mean over languages;
    * cross-lingual: questions in X against the passages in Y; mean over ordered pairs;
    * multilingual: questions in X against the passages of all languages, all parallel ones relevant;
    * rank distance: in the multilingual setting, worst minus best rank of a question's relevant passages.
      Lower is less biased; its floor is the number of relevant passages minus 1.

    All average precisions are uncut. Passages that several questions share (``passage_group``) are once in
    the corpus. Meant for a small development set (some hundred groups): every passage is scored.

    Metrics are ``{name}_mono_map``, ``{name}_cross_map``, ``{name}_multi_map`` and ``{name}_rank_distance``.
    For the best model or early stopping name one, e.g. ``metric_for_best_model="eval_dev_multi_map"``; the
    trainer does not look at ``primary_metric`` itself. ``rank_distance`` needs ``greater_is_better=False``.

    Args:
        groups: the groups; a language counts where a group has both question and passage.
        languages: the languages to score; all by default.
        max_groups: score only so many groups, spread evenly over those given.
        name: prefix of the metrics.
        primary: which metric is ``primary_metric``.
        query_prompt: put before each query, e.g. ``"Query: "``.
        passage_prompt: put before each passage.
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
        primary: str = "multi_map",
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        batch_size: int = 64,
    ) -> None:
        super().__init__()
        if primary not in METRICS:
            raise ValueError(f"primary must be one of {', '.join(METRICS)}, got {primary!r}")
        chosen = list(groups)
        if max_groups is not None and max_groups < len(chosen):
            chosen = [chosen[int(place)] for place in np.linspace(0, len(chosen) - 1, max_groups)]
        known = sorted({language for group in chosen for language in group.query.keys() & group.passage.keys()})
        check_languages(languages or (), known)
        self.languages = list(languages or known)
        if not self.languages:
            raise ValueError("no group has a question and a passage in one language; there is nothing to score")
        self.name = name
        self.primary_metric = f"{name}_{primary}" if name else primary
        self.greater_is_better = primary != "rank_distance"
        self.query_prompt, self.passage_prompt, self.batch_size = query_prompt, passage_prompt, batch_size
        self._lay_out(chosen)

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Score a model.

        Args:
            model: the model.
            output_path: unused; the trainer logs the metrics.
            epoch, steps: when this evaluation takes place.

        Returns:
            The metrics. One without a case (cross-lingual with a single language) is left out.
        """
        queries = self._encode(model, self._queries, self.query_prompt)
        passages = self._encode(model, self._passages, self.passage_prompt)
        inside, pooled = parallel_ranks(queries, passages, self._block_start, self._relevant)
        metrics = summarise(self._query_language, inside, pooled)
        prefixed: dict[str, float] = self.prefix_name_to_metrics(metrics, self.name)
        self.store_metrics_in_model_card_data(model, prefixed, int(epoch), steps)
        return prefixed

    def get_config_dict(self) -> dict[str, Any]:
        return {"languages": self.languages, "queries": len(self._queries), "passages": len(self._passages)}

    def _encode(self, model: Any, texts: list[str], prompt: str | None) -> np.ndarray[Any, np.dtype[np.float32]]:
        vectors = model.encode(
            texts,
            prompt=prompt,
            batch_size=self.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _lay_out(self, groups: list[Group]) -> None:
        """Number the passages by language and the questions with their relevant passages."""
        keys = [f"g{number}" if g.passage_group is None else f"p{g.passage_group}" for number, g in enumerate(groups)]
        place: dict[tuple[str, str], int] = {}
        self._passages: list[str] = []
        starts = []
        for language in self.languages:
            starts.append(len(self._passages))
            for key, group in zip(keys, groups, strict=True):
                if language in group.query and language in group.passage and (language, key) not in place:
                    place[language, key] = len(self._passages)
                    self._passages.append(group.passage[language])
        self._queries = []
        numbers, relevant = [], []
        for key, group in zip(keys, groups, strict=True):
            parallel = [place.get((language, key), -1) for language in self.languages]
            for number, language in enumerate(self.languages):
                if language in group.query and language in group.passage:
                    self._queries.append(group.query[language])
                    numbers.append(number)
                    relevant.append(parallel)
        self._block_start = np.array(starts)
        self._query_language, self._relevant = np.array(numbers), np.array(relevant)

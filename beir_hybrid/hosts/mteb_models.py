"""Models by mteb's names, loaded as mteb loads them: ``--model mteb:intfloat/multilingual-e5-small``."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.errors import MissingExtraError, RetrieverError, did_you_mean, first_line
from beir_hybrid.progress import no_bars
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.kinds import hub_answers

_ROLES = ("query", "document")


def mteb_model(name: str) -> tuple[Any, dict[str, Any]]:
    """The encoder behind ``mteb:NAME`` and its record: mteb's version, the revision, the prompts for retrieval.

    A model that mteb wraps as a plain sentence-transformers model is that model, with mteb's prompts; any other is
    asked through mteb.

    Raises:
        MissingExtraError: mteb is not installed.
        RetrieverError: mteb has no such model, cannot load it, or it is no dense encoder.
    """
    try:
        import mteb
        from mteb.models import SentenceTransformerEncoderWrapper
        from mteb.models.model_implementations import MODEL_REGISTRY
    except ImportError as error:
        raise MissingExtraError(f"mteb:{name}", "mteb", "mteb") from error
    if not name or name not in MODEL_REGISTRY:
        raise RetrieverError(f"mteb has no model {name!r}; {did_you_mean(name, MODEL_REGISTRY, most=0)}")
    meta = mteb.get_model_meta(name)
    if meta.model_type and "dense" not in meta.model_type:
        raise RetrieverError(f"mteb:{name} is a {' and '.join(meta.model_type)} model; expected a dense encoder")
    try:
        with asking_mteb():
            wrapped = mteb.get_model(name)
    except Exception as error:  # a hub, a library, a licence: other people's code
        raise RetrieverError(
            f"mteb could not load {name} ({type(error).__name__}: {first_line(error, 'no message')}); it looks on the "
            f"hub and in its cache: load it once with a network, or give a folder"
        ) from error
    prompts = _prompts(getattr(wrapped, "model_prompts", None))
    record = {"mteb": version("mteb"), "name": name, "revision": meta.revision, "prompts": prompts}
    if type(wrapped) is SentenceTransformerEncoderWrapper:
        model = wrapped.model
        model.prompts = {**(model.prompts or {}), **prompts}
        return model, record
    similarity = meta.similarity_fn_name  # a member of an enumeration, whose text is its value in some versions alone
    return MtebEncoder(wrapped, name, str(getattr(similarity, "value", similarity) or "cosine")), record


@contextlib.contextmanager
def asking_mteb() -> Iterator[None]:
    """Where no hub answers, its client looks into its cache at once, in place of trying for minutes; and neither bars
    nor warnings of what mteb stands on are shown."""
    import datasets
    from huggingface_hub import constants

    before, bars = constants.HF_HUB_OFFLINE, datasets.is_progress_bar_enabled()
    constants.HF_HUB_OFFLINE = before or not hub_answers()
    datasets.disable_progress_bars()
    try:
        with no_bars(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        constants.HF_HUB_OFFLINE = before
        if bars:
            datasets.enable_progress_bars()


@dataclass(frozen=True)
class MtebEncoder:
    """A model that encodes by mteb's protocol, as `DenseRetriever` asks: it puts its own instructions before texts."""

    wrapped: Any
    __name__: str
    similarity_fn_name: str = "cosine"

    def encode_query(self, texts: list[str]) -> FloatArray:
        """Vectors of queries, float32 [texts, d]."""
        return self._encode(texts, "query")

    def encode_document(self, texts: list[str]) -> FloatArray:
        """Vectors of passages, float32 [texts, d]."""
        return self._encode(texts, "document")

    def _encode(self, texts: list[str], role: str) -> FloatArray:
        from mteb.types import PromptType
        from torch.utils.data import DataLoader

        rows: Any = [{"text": text} for text in texts]
        loader = DataLoader(rows, batch_size=32, collate_fn=lambda some: {"text": [row["text"] for row in some]})
        found = self.wrapped.encode(
            loader,
            task_metadata=_any_retrieval(),
            hf_split="test",
            hf_subset="default",
            prompt_type=PromptType(role),
            show_progress_bar=False,
        )
        return np.asarray(found.detach().float().cpu() if hasattr(found, "detach") else found, dtype=np.float32)


def unused_prompts(name: str, prompts: Mapping[str, str]) -> str:
    """A line that says that mteb knows other prompts for a model of the hub than are used; else nothing.

    Args:
        name: what ``--model`` says.
        prompts: those that are used, by ``query`` and ``passage``.
    """
    if "/" not in name or Path(name).exists() or importlib.util.find_spec("mteb") is None:
        return ""
    from mteb.models.model_implementations import MODEL_REGISTRY

    if name not in MODEL_REGISTRY:
        return ""
    known = _prompts((MODEL_REGISTRY[name].loader_kwargs or {}).get("model_prompts"))
    used = {"query": prompts.get("query", ""), "document": prompts.get("passage", "")}
    if not known or all(used[role] == known.get(role, "") for role in _ROLES):
        return ""
    said = ", ".join(
        f"{what} {known.get(role, '')!r}" for what, role in (("queries", "query"), ("passages", "document"))
    )
    return f"mteb knows other prompts for {name} ({said}) than are used; for those: --model mteb:{name}"


def _prompts(model_prompts: Mapping[str, str] | None) -> dict[str, str]:
    """What mteb puts before queries and documents of a retrieval that has no prompts of its own."""
    from mteb.models.abs_encoder import get_prompt
    from mteb.types import PromptType

    if not model_prompts:
        return {}
    found = {role: get_prompt(dict(model_prompts), _any_retrieval(), PromptType(role)) for role in _ROLES}
    return {role: text for role, text in found.items() if text}


def _any_retrieval() -> Any:
    from mteb.abstasks.task_metadata import TaskMetadata

    return TaskMetadata(
        name="beir-hybrid", description="A retrieval.", dataset={"path": "none", "revision": "none"}, type="Retrieval",
        category="t2t", modalities=["text"], eval_splits=["test"], eval_langs=["eng-Latn"], main_score="ndcg_at_10",
    )  # fmt: skip

"""A sentence-transformers model of another family as a retriever holds it: loaded, named, known by its weights."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.errors import RetrieverError, first_line
from beir_hybrid.progress import progress
from beir_hybrid.retrieval.contract import unidentified
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, Rows
from beir_hybrid.retrieval.dense.models import check_device, model_fingerprint, name_of
from beir_hybrid.retrieval.dense.segments import Cache, folder_of
from beir_hybrid.retrieval.kinds import hub_answers

ROLES = ("query", "passage")
CHUNK = 256
"""Texts that a model is given, and that are counted, at a time."""


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
        self,
        given: Any,
        class_name: str,
        *,
        name: str | None = None,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        batch_size: int = 32,
        device: str | None = None,
        dtype: str | None = None,
        cache: Cache = None,
    ) -> None:
        self._devices = device.split(",") if device else []
        self._source = str(given) if isinstance(given, str | Path) else None
        self.model = load_family(self._source, class_name, self._devices, dtype) if self._source else given
        self.name = name or (Path(self._source).name if self._source else name_of(self.model))
        self.batch_size = batch_size
        self._prompts = dict(zip(ROLES, (query_prompt, passage_prompt), strict=True))
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
            **{f"{role}_prompt": self.prompt(role) for role in ROLES},
            **({"dtype": self._dtype} if self._dtype else {}),
        }

    def prompt(self, role: str) -> str:
        """What is put before a text: as given, else the model's own."""
        given = self._prompts[role]
        if given is not None:
            return given
        own: dict[str, str] = getattr(self.model, "prompts", None) or {}
        names = ("query",) if role == "query" else ("document", "passage")
        return next((own[name] for name in names if own.get(name)), "")

    @property
    def ours(self) -> bool:
        """Whether it is a model of sentence-transformers, and takes the options of one."""
        return type(self.model).__module__.startswith("sentence_transformers.")

    def store(self, role: str, *, several: bool = False) -> EmbeddingStore:
        """What is kept of texts in a role; nothing outlives it where nothing may be kept on disk."""
        asked = (role, self.prompt(role) if role in ROLES else "", str(self._dtype), *(["rows"] if several else []))
        return EmbeddingStore(folder_of(self._cache, self._fingerprint, *asked), several=several)

    def rows(
        self, role: str, lists: Mapping[str, Sequence[str]], encode: Callable[[Sequence[str]], Rows]
    ) -> Iterator[tuple[str, Rows]]:
        """What ``encode`` makes of texts in a role, list by list; how far it is, is said."""
        what = "queries" if role == "query" else f"{role}s"
        store = self.store(role, several=True)
        with progress(f"encoding {what}", sum(map(len, lists.values())), "text") as shown:

            def encode_blocks(blocks: Iterable[tuple[int, Sequence[str]]]) -> Iterator[tuple[int, Rows]]:
                for number, texts in blocks:
                    parts = []
                    for begin in range(0, len(texts), CHUNK):
                        parts.append(encode(texts[begin : begin + CHUNK]))
                        shown.advance(len(parts[-1].counts))
                    yield number, Rows(*map(np.concatenate, zip(*parts, strict=True)))

            for name, texts in lists.items():
                yield name, store.rows(list(texts), encode_blocks, shown.advance)

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

    def encode(self, role: str, texts: Sequence[str], **options: Any) -> Any:
        """What the model's ``encode_query`` or ``encode_document`` gives."""
        encode = self.model.encode_query if role == "query" else self.model.encode_document
        if self.prompt(role):
            options["prompt"] = self.prompt(role)
        try:
            return encode(list(texts), batch_size=self.batch_size, show_progress_bar=False, **self.spread, **options)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise RetrieverError(
                f"{self.name} could not encode {len(texts)} texts as {role}: {first_line(error)}"
            ) from error


def load_family(source: str, class_name: str, devices: Sequence[str] = (), dtype: str | None = None) -> Any:
    """A model of a class of sentence-transformers by folder or hub name, on the first of some devices.

    Raises:
        RetrieverError: it cannot be loaded.
    """
    import sentence_transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    for device in devices:
        check_device(device)
    options: dict[str, Any] = {"model_kwargs": {"torch_dtype": dtype}} if dtype else {}
    local = not Path(source).exists() and not hub_answers()
    try:
        made = getattr(sentence_transformers, class_name)
        return made(source, device=devices[0] if devices else None, local_files_only=local, **options)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, AttributeError) as error:
        raise RetrieverError(
            f"could not load the {class_name} {source!r}: {first_line(error)}; give a folder that holds a saved model, "
            f"or a name on the Hugging Face hub when online"
        ) from error

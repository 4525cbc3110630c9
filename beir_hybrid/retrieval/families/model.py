"""A sentence-transformers model of another family as a retriever holds it: loaded, named, known by its weights."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy.typing as npt

from beir_hybrid.disk.arrays import opened_arrays, write_arrays
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import RetrieverError, first_line
from beir_hybrid.progress import progress
from beir_hybrid.retrieval.contract import unidentified
from beir_hybrid.retrieval.dense.models import check_device, model_fingerprint, name_of
from beir_hybrid.retrieval.kinds import hub_answers

ROLES = ("query", "passage")
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
CHUNK = 256
"""Texts computed between two writes."""


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
        cache: the folder of what is computed; None: ``families`` in the cache folder. False: nothing is kept.

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
        cache: Path | str | bool | None = None,
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

    def folder(self, role: str) -> Path | None:
        """Where what is computed of texts in a role is kept; None where nothing can be."""
        if self._cache is False or self._fingerprint is None:
            return None
        base = cache_dir() / "families" if self._cache in (None, True) else Path(str(self._cache))
        return (
            base / self._fingerprint / fingerprint(role, self.prompt(role) if role in ROLES else "", str(self._dtype))
        )

    def computed(
        self, role: str, lists: Mapping[str, Sequence[str]], compute: Callable[[Sequence[str]], Arrays]
    ) -> Iterator[tuple[str, list[Arrays]]]:
        """What ``compute`` makes of texts in a role, by list and chunk by chunk; how far it is, is said.

        A chunk is kept on disk by its content, whole or not at all: an interrupt loses the one under way, and equal
        chunks of another corpus are found again. Unlike `EmbeddingStore` it holds arrays of any shape a text.
        """
        what = "queries" if role == "query" else f"{role}s"
        folder = self.folder(role)
        with progress(f"encoding {what}", sum(map(len, lists.values())), "text") as shown:
            for name, texts in lists.items():
                chunks = []
                for begin in range(0, len(texts), CHUNK):
                    some = list(texts[begin : begin + CHUNK])
                    chunks.append(compute(some) if folder is None else _kept(folder, some, compute))
                    shown.advance(len(some))
                yield name, chunks

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


def _kept(folder: Path, texts: Sequence[str], compute: Callable[[Sequence[str]], Arrays]) -> Arrays:
    path = folder / f"{fingerprint(*texts)}.npz"
    try:
        with opened_arrays(path) as kept:
            return dict(kept)
    except FileNotFoundError:
        made = compute(texts)
    except ValueError as error:
        raise RetrieverError(f"{error}; delete it, its texts are then computed again") from error
    write_arrays(path, made)
    return made


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

"""What turns texts into vectors, here or in another process: a model or function, with prompts.

For `DenseRetriever` and its engines.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import BeirHybridError, RetrieverError, first_line
from beir_hybrid.retrieval.dense.dtypes import Dtype, computing, idle_threads
from beir_hybrid.retrieval.dense.models import Role, load_model, model_fingerprint, name_of

__all__ = ["Encoder", "Role", "function_of"]

_AT_ONCE = 4096
"""Texts whose tokens are counted at a time."""


Function = Callable[..., Any]
_METHODS: dict[Role, tuple[str, ...]] = {
    "query": ("encode_query", "encode_queries", "encode"),
    "passage": ("encode_document", "encode_corpus", "encode"),
}


def function_of(model: Any, role: Role) -> tuple[str, Function]:
    """The method of a model for a role, and its name: what it has for the role goes before plain ``encode``.

    ``encode_query`` and ``encode_document`` are those of sentence-transformers, ``encode_queries`` and
    ``encode_corpus`` those of BEIR. A function serves both roles, under no name.

    Raises:
        RetrieverError: it has none, and is no function.
    """
    for name in _METHODS[role]:
        method = getattr(model, name, None)
        if callable(method):
            return name, method
    if callable(model):
        return "", model
    raise RetrieverError(
        f"{type(model).__name__} is neither a sentence-transformers model nor a function from texts to vectors"
    )


@dataclass(frozen=True, eq=False)
class Encoder:
    """A model or function with what it is called with.

    Args:
        model: a sentence-transformers model, an object with methods of `function_of`, or a function; None or bytes in a
            form that was made by `portable`.
        source: name or path the model was loaded from.
        device: where it was asked to run.
        prompts: put before every text.
        batch_size: texts a sentence-transformers model encodes at a time.
        identity: the fingerprint of its weights, if it has one.
        dtype: what a sentence-transformers model computes with.
    """

    model: Any
    source: str | None
    device: str | None
    prompts: Mapping[Role, str]
    batch_size: int
    identity: str | None
    dtype: Dtype = "float32"

    @property
    def on_cpu(self) -> bool:
        return self.device is not None and self.device.startswith("cpu")

    @property
    def plain(self) -> bool:
        """Whether it is anything but a sentence-transformers model: it knows no prompts, batches or dtypes."""
        return not hasattr(self.model, "prompts")

    def in_order(self, role: Role, texts: Sequence[str]) -> list[str]:
        """The texts as they are best encoded: by their number of tokens, longest first, so that little is padded.

        Equal numbers are ordered by the text: which texts share a batch depends on the texts alone. Functions get
        the order that is given.
        """
        if self.plain:
            return list(texts)
        sizes = self._sizes(role, texts)
        return [texts[at] for at in sorted(range(len(texts)), key=lambda at: (-sizes[at], texts[at]))]

    def _sizes(self, role: Role, texts: Sequence[str]) -> list[int]:
        tokenizer = getattr(getattr(self.model, "tokenizer", None), "backend_tokenizer", None)
        if tokenizer is None:  # no fast tokenizer: bytes are nearer to tokens than characters are, over many scripts
            return [len(text.encode("utf-8", "surrogatepass")) for text in texts]
        prompt = self.prompts[role]
        tokenizer.no_padding()  # transformers sets it again with every call
        return [
            len(encoded.ids)
            for begin in range(0, len(texts), _AT_ONCE)
            for encoded in tokenizer.encode_batch_fast([prompt + text for text in texts[begin : begin + _AT_ONCE]])
        ]

    def encode(
        self,
        role: Role,
        texts: Sequence[str],
        progress: Callable[[int], object] | None = None,
        *,
        ordered: bool = True,
    ) -> npt.ArrayLike:
        """Vectors [n, d] as the model gives them, in the memory of this process.

        Args:
            progress: called with the number of texts done.
            ordered: the batches are of the order that is given; else of that of `in_order`.

        Raises:
            RetrieverError: the model fails; the text it fails on is named.
        """
        if not ordered and not self.plain:
            texts_in_order = self.in_order(role, texts)
            place = {text: at for at, text in enumerate(texts_in_order)}
            return np.asarray(self.encode(role, texts_in_order, progress))[[place[text] for text in texts]]
        try:
            return self._encode(role, texts, progress)
        except BeirHybridError:
            raise
        except Exception as error:  # other people's code, which may fail in any way
            text, alone = self._failing(role, list(texts))
            where = f"the {role} text {text[:80]!r}" if alone else f"{len(texts)} {role} texts, beginning {text[:80]!r}"
            raise RetrieverError(
                f"the encoder {name_of(self.model)} failed on {where}: {type(error).__name__}: "
                f"{first_line(error, 'no message')}"
            ) from error

    def _encode(
        self, role: Role, texts: Sequence[str], progress: Callable[[int], object] | None = None
    ) -> npt.ArrayLike:
        prompt = self.prompts[role]
        name, method = function_of(self.model, role)
        if self.plain:
            asked: list[Any] = [prompt + text for text in texts]
            if name == "encode_corpus":
                asked = [{"title": "", "text": text} for text in asked]
            vectors = on_cpu(method(asked))
            if progress:
                progress(len(texts))
            return vectors
        parts: list[npt.NDArray[Any]] = []
        with computing(self.model, self.dtype), idle_threads():
            for begin in range(0, len(texts), self.batch_size):
                batch = list(texts[begin : begin + self.batch_size])
                # sentence-transformers puts the prompt before the text itself
                encoded = method(
                    batch, prompt=prompt, batch_size=len(batch), show_progress_bar=False, convert_to_numpy=True
                )
                parts.append(np.asarray(on_cpu(encoded)))
                if progress:
                    progress(len(batch))
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def _failing(self, role: Role, texts: list[str]) -> tuple[str, bool]:
        """The text that cannot be encoded, by halving; the first and False where smaller parts can all be."""
        whole = texts[0]
        while len(texts) > 1:
            halves = texts[: len(texts) // 2], texts[len(texts) // 2 :]
            failing = next((half for half in halves if self._fails(role, half)), None)
            if failing is None:
                return whole, False
            texts = failing
        return texts[0], True

    def _fails(self, role: Role, texts: list[str]) -> bool:
        try:
            self._encode(role, texts)
        except Exception:  # noqa: BLE001  # see `encode`, which says it
            return True
        return False

    def portable(self, dumps: Callable[[Any], bytes]) -> Encoder:
        """A form that can be sent to other processes: where the model is loaded from, else the model itself.

        Args:
            dumps: pickles the model.

        Raises:
            RetrieverError: the model or function cannot be pickled.
        """
        if self.source is not None:
            path = Path(self.source)
            return replace(self, model=None, source=str(path.absolute()) if path.exists() else self.source)
        try:
            return replace(self, model=dumps(self.model))
        except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError, RuntimeError) as error:
            raise RetrieverError(
                f"the encoder {name_of(self.model)} cannot be sent to other processes "
                f"({first_line(error)}); give the name or path of a "
                f"model, or a function that holds no open files, locks or connections"
            ) from error

    def loaded(self) -> Encoder:
        """The encoder of a portable form, in the process that uses it.

        Raises:
            RetrieverError: it cannot be loaded, or has other weights than where it was sent from.
        """
        if self.source is None:
            try:
                return replace(self, model=_on_own_gpu(pickle.loads(self.model)))
            except (ImportError, AttributeError, pickle.UnpicklingError, EOFError, OSError, RuntimeError) as error:
                raise RetrieverError(
                    f"the encoder could not be loaded in a worker: {error}; the modules it uses must be installed there"
                ) from error
        # the one GPU a worker sees is its own, whatever number it has on the machine
        device = "cuda" if (self.device or "").startswith("cuda") else self.device
        model = load_model(self.source, device)
        if self.identity is not None and model_fingerprint(model) != self.identity:
            raise RetrieverError(
                f"{self.source} is another model on a worker than here; put it on storage that all nodes share"
            )
        return replace(self, model=model)


def on_cpu(encoded: Any) -> npt.ArrayLike:
    """What encoders give as what numpy takes: rows that come one by one, tensors with gradients, on a GPU, sparse or of
    a type that numpy lacks; the rest as it is."""
    if isinstance(encoded, Iterator):
        encoded = list(encoded)
    if isinstance(encoded, list | tuple) and encoded and not isinstance(encoded[0], Real):
        encoded = [on_cpu(row) for row in encoded]
    elif hasattr(encoded, "detach"):
        encoded = encoded.detach().to_dense().float().cpu().numpy()
    elif hasattr(encoded, "toarray"):
        encoded = encoded.toarray()
    vectors: npt.ArrayLike = encoded
    return vectors


def _on_own_gpu(model: Any) -> Any:
    """A sentence-transformers model where its process has a GPU; functions look after themselves."""
    if not (hasattr(model, "prompts") and hasattr(model, "to")):
        return model
    import torch

    return model.to("cuda") if torch.cuda.is_available() else model

"""What turns texts into vectors, here or in another process: a model or function, with prompts."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.dense.models import Role, load_model, model_fingerprint, name_of

__all__ = ["Encoder", "Role", "plain_function"]


def plain_function(model: Any) -> Callable[[list[str]], npt.ArrayLike] | None:
    """How vectors are had from anything but a sentence-transformers model: from texts alone, it knows no prompts."""
    found = None if hasattr(model, "prompts") else getattr(model, "encode", model)
    if found is not None and not callable(found):
        raise RetrieverError(
            f"{type(model).__name__} is neither a sentence-transformers model nor a function from texts to vectors"
        )
    return found


@dataclass(frozen=True, eq=False)
class Encoder:
    """A model or function with what it is called with.

    Args:
        model: a sentence-transformers model, an object with ``encode(texts)``, or a function; None or bytes in a form
            that was made by `portable`.
        source: name or path the model was loaded from.
        device: where it was asked to run.
        prompts: put before every text.
        batch_size: texts a sentence-transformers model encodes at a time.
        identity: the fingerprint of its weights, if it has one.
    """

    model: Any
    source: str | None
    device: str | None
    prompts: Mapping[Role, str]
    batch_size: int
    identity: str | None

    @property
    def on_cpu(self) -> bool:
        return self.device is not None and self.device.startswith("cpu")

    def encode(self, role: Role, texts: Sequence[str]) -> npt.ArrayLike:
        """Vectors [n, d] as the model gives them."""
        prompt, plain = self.prompts[role], plain_function(self.model)
        if plain is not None:
            return plain([prompt + text for text in texts])
        method = getattr(self.model, "encode_query" if role == "query" else "encode_document", self.model.encode)
        encoded: npt.ArrayLike = method(
            list(texts), prompt=prompt, batch_size=self.batch_size, show_progress_bar=False, convert_to_numpy=True
        )
        return encoded

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
                f"({str(error).splitlines()[0] if str(error) else type(error).__name__}); give the name or path of a "
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


def _on_own_gpu(model: Any) -> Any:
    """A sentence-transformers model where its process has a GPU; functions look after themselves."""
    if not (hasattr(model, "prompts") and hasattr(model, "to")):
        return model
    import torch

    return model.to("cuda") if torch.cuda.is_available() else model

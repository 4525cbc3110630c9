"""Loading sentence-transformers models, and telling one from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.encoders import FoundEncoder, find_encoder, list_encoders
from beir_hybrid.errors import BeirHybridError, RetrieverError, did_you_mean, first_line
from beir_hybrid.progress import no_bars
from beir_hybrid.retrieval.kinds import hub_answers, refuse_unless_dense

Role = Literal["query", "passage"]
_PROMPT_NAMES: dict[Role, tuple[str, ...]] = {
    "query": ("query",),
    "passage": ("document", "passage", "corpus"),  # the order in which sentence-transformers looks
}


def load_model(source: str, device: str | None = None, error_type: type[BeirHybridError] = RetrieverError) -> Any:
    """A sentence-transformers model by name or path; transformers models get mean pooling, as in its own constructor.

    Args:
        source: a registered encoder (see `find_encoder`), a folder, or a name on the hub.

    Raises:
        error_type: it cannot be loaded, or is a model of another kind; the message says what to give.
    """
    found = find_encoder(source, error_type)
    if found.location is None:
        return found.model
    refuse_unless_dense(found.location, source, error_type)
    if device is not None:
        check_device(device, error_type)
    advice = (
        f"a name on the Hugging Face hub when online, or a registered encoder ({did_you_mean(source, list_encoders())})"
    )
    return load_class("SentenceTransformer", found.location, device, error_type, f"the model {source!r}", advice)


def load_class(
    class_name: str, source: str, device: str | None, error_type: type[BeirHybridError] = RetrieverError,
    called: str = "", advice: str = "or a name on the Hugging Face hub when online", **options: Any,
) -> Any:  # fmt: skip
    """A model of a class of sentence-transformers by folder or hub name, as `load_model` loads one."""
    import sentence_transformers

    local = not Path(source).exists() and not hub_answers()
    try:
        with no_bars():
            return getattr(sentence_transformers, class_name)(source, device=device, local_files_only=local, **options)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, AttributeError) as error:
        raise error_type(
            f"could not load {called or f'the {class_name} {source!r}'}: {first_line(error)}; give a folder that holds "
            f"a saved model, {advice}"
        ) from error


def check_device(device: str, error_type: type[BeirHybridError] = RetrieverError) -> None:
    """A device that PyTorch does not have here is refused before anything is loaded onto it.

    Raises:
        error_type: saying which there are.
    """
    import torch

    if "," in device:
        raise error_type(
            f"{device!r} names several devices, and a dense model runs on one in each process; name one, or measure it "
            "with evaluate --engine ray (engine='ray'), which has a worker on each GPU, and without --device"
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise error_type(
            f"the device {device!r} cannot be used: {first_line(error)}; this machine has {', '.join(there)}"
        ) from error


def open_model(given: Any, device: str | None = None) -> FoundEncoder:
    """What a user may give as a model: text as in `load_model`, a path (never a registered name), or an encoder itself.

    Raises:
        RetrieverError: it cannot be loaded, or is a model of another kind.
    """
    if isinstance(given, Path):
        return FoundEncoder(str(given), load_model(str(given.absolute()), device))
    if not isinstance(given, str):
        refuse_unless_dense(given, type(given).__name__)
        return FoundEncoder(None, given)
    found = find_encoder(given)
    return found if found.location is None else replace(found, model=load_model(found.location, device))


def own_prompts(model: Any) -> dict[Role, str]:
    """What a model itself puts before queries and passages; empty where it has no prompt for them.

    sentence-transformers adds empty prompts ``query`` and ``document`` to a model that has others: a prompt that is
    empty hides none that is not.
    """
    prompts: Mapping[str, str] = getattr(model, "prompts", None) or {}
    return {
        role: next((prompts[name] for name in names if prompts.get(name)), "") for role, names in _PROMPT_NAMES.items()
    }


def name_of(model: Any) -> str:
    """What a model calls itself: the model it stems from, else its class."""
    card = getattr(model, "model_card_data", None)
    named = getattr(card, "base_model", None) or getattr(model, "__name__", None)
    return str(named) if named else type(model).__name__


def model_fingerprint(model: Any) -> str | None:
    """A digest of everything that shapes a model's embeddings: modules, weights, tokenizer, length limit.

    None without PyTorch weights: two such models could not be told apart.
    """
    weights = model.state_dict() if callable(getattr(model, "state_dict", None)) else {}
    if not weights:
        return None
    digest = hashlib.blake2b(digest_size=16)

    def add(text: str) -> None:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")

    add(str(getattr(model, "max_seq_length", None)))
    add(str(getattr(model, "truncate_dim", None)))
    for name, module in model.named_children() if hasattr(model, "named_children") else ():
        add(f"{name} {type(module).__module__}.{type(module).__qualname__}")
        config = getattr(module, "get_config_dict", None)
        add(json.dumps(config(), sort_keys=True, default=str) if callable(config) else "")
        add(_architecture_text(getattr(module, "auto_model", None)))
    for name, value in sorted(weights.items()):
        add(f"{name} {getattr(value, 'dtype', None)} {tuple(getattr(value, 'shape', ()))}")
        if hasattr(value, "detach"):
            digest.update(_tensor_bytes(value))
        else:  # the packed weights of quantised modules
            add(repr(value))
    tokenizer = getattr(model, "tokenizer", None)
    add(_tokenizer_text(getattr(tokenizer, "backend_tokenizer", tokenizer)))
    return digest.hexdigest()


def _architecture_text(transformer: Any) -> str:
    """What the weights do not say: heads, activations, position scheme."""
    config: Any = getattr(transformer, "config", None)
    if config is None or not hasattr(config, "to_dict"):
        return ""
    # where it was loaded from and by what does not change the embeddings
    said = {
        key: value for key, value in config.to_dict().items() if key not in ("_name_or_path", "transformers_version")
    }
    return json.dumps(said, sort_keys=True, default=str)


def _tensor_bytes(tensor: Any) -> Any:
    import torch

    flat = (tensor.dequantize() if tensor.is_quantized else tensor).detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else b""


def _tokenizer_text(tokenizer: Any) -> str:
    if hasattr(tokenizer, "to_str"):
        settings = json.loads(tokenizer.to_str())
        # encoding sets these two on the fly: they are not part of what the tokenizer is
        settings.pop("truncation", None)
        settings.pop("padding", None)
        return json.dumps(settings, sort_keys=True)
    vocabulary: dict[str, int] = getattr(tokenizer, "get_vocab", dict)()
    return f"{type(tokenizer).__qualname__} {sorted(vocabulary.items())}"

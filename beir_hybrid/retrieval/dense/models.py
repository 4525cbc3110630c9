"""Loading sentence-transformers models, and telling one from another."""

from __future__ import annotations

import hashlib
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import BeirHybridError, RetrieverError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def load_model(
    source: str, device: str | None = None, error_type: type[BeirHybridError] = RetrieverError
) -> SentenceTransformer:
    """A sentence-transformers model by name or path; transformers models get mean pooling, as in its own constructor.

    Raises:
        error_type: it cannot be loaded; the message says what to give.
    """
    from sentence_transformers import SentenceTransformer

    local = not Path(source).exists() and not _hub_answers()
    try:
        return SentenceTransformer(source, device=device, local_files_only=local)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise error_type(
            f"could not load the model {source!r}: {reason}; "
            f"give a folder that holds a saved model, or a name on the Hugging Face hub when online"
        ) from error


def _hub_answers() -> bool:
    """Whether the hub can be reached; where it cannot, its client would retry for more than a minute."""
    from huggingface_hub import constants

    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError as error:
        # certificates are the client's business: it may know others
        return isinstance(getattr(error, "reason", error), ssl.SSLError)
    return True


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

"""What kind of model an object or a folder holds. For `as_retriever`, and for whoever loads a dense model."""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.errors import BeirHybridError, RetrieverError

Kind = Literal["dense", "sparse", "multi-vector", "cross-encoder"]

_KIND_OF_CLASS: dict[str, Kind] = {
    "SparseEncoder": "sparse",
    "MultiVectorEncoder": "multi-vector",
    "ColBERT": "multi-vector",  # PyLate's, which extends SentenceTransformer
    "CrossEncoder": "cross-encoder",
    "SentenceTransformer": "dense",
}
_LIBRARIES = ("sentence_transformers", "pylate")
_CONFIG = "config_sentence_transformers.json"
_PATHS = ("/", "./", "../", "~")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def kind_of_model(given: Any) -> Kind | None:
    """The kind of a sentence-transformers model, or of a folder or a name on the hub that holds one; else None.

    A folder of bare transformers weights is dense, as for sentence-transformers, unless it is a classifier.

    Raises:
        RetrieverError: a path, and no name on the hub, where there is nothing: said before anything heavy is imported.
    """
    if isinstance(given, str | Path):
        folder = Path(given)
        if str(given).startswith(_PATHS) and not folder.exists():
            raise RetrieverError(
                f"could not load the model {str(given)!r}: there is no such folder; give one that holds a saved model, "
                "a name on the Hugging Face hub when online, or a registered encoder"
            )
        if folder.is_dir():
            return _kind_of_files(lambda name: folder / name)
        return _kind_of_files(_on_hub(given)) if isinstance(given, str) and _HUB_NAME.fullmatch(given) else None
    for base in type(given).__mro__:
        if base.__name__ in _KIND_OF_CLASS and base.__module__.partition(".")[0] in _LIBRARIES:
            return _KIND_OF_CLASS[base.__name__]
    return None


def refuse_unless_dense(given: Any, name: str, error_type: type[BeirHybridError] = RetrieverError) -> None:
    """A model of another kind has no one vector a text; averaged into one it is another, bad model.

    Raises:
        error_type: naming the kind, or the path where nothing is.
    """
    try:
        kind = kind_of_model(given)
    except RetrieverError as error:
        raise error_type(str(error)) from error
    if kind not in (None, "dense"):
        raise error_type(f"{name} is a {kind} model; expected a dense one, which gives each text one vector")


def _kind_of_files(find: Callable[[str], Path]) -> Kind | None:
    said = _json(find(_CONFIG)).get("model_type")
    if said in _KIND_OF_CLASS:
        return _KIND_OF_CLASS[said]
    modules = _json(find("modules.json")).get("", [])
    types = " ".join(str(module.get("type", "")) for module in modules if isinstance(module, dict))
    if "sparse_encoder" in types:  # saved before the kind was
        return "sparse"
    if types:
        return "multi-vector" if "pylate" in types else "dense"
    config = _json(find("config.json"))
    if any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or []):
        return "cross-encoder"
    return "dense" if config else None


def _on_hub(name: str) -> Callable[[str], Path]:
    """Where a file of a repository is, from the hub's cache or, if the hub answers, from the hub; else nowhere."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    offline = not hub_answers()

    def find(file: str) -> Path:
        try:
            return Path(hf_hub_download(name, file, local_files_only=offline))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
            return Path(file) / "is nowhere"  # loading the model will say what is wrong

    return find


def hub_answers() -> bool:
    """Whether the hub can be reached; where it cannot, its client would retry for more than a minute.

    With ``HF_HUB_OFFLINE`` nothing is asked, and the answer is no.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError as error:
        # certificates are the client's business: it may know others
        return isinstance(getattr(error, "reason", error), ssl.SSLError)
    return True


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; a list stands below the empty key. What cannot be read says nothing here: loading it will."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {"": found}

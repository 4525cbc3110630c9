"""What kind of model an object or a folder holds. For `as_retriever`, and for whoever loads a dense model."""

from __future__ import annotations

import json
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


def kind_of_model(given: Any) -> Kind | None:
    """The kind of a sentence-transformers model, or of a folder that holds one; None for anything else.

    A folder of bare transformers weights is dense, as for sentence-transformers, unless it is a classifier.
    """
    if isinstance(given, str | Path):
        return _kind_of_folder(Path(given)) if Path(given).is_dir() else None
    for base in type(given).__mro__:
        if base.__name__ in _KIND_OF_CLASS and base.__module__.partition(".")[0] in _LIBRARIES:
            return _KIND_OF_CLASS[base.__name__]
    return None


def refuse_unless_dense(given: Any, name: str, error_type: type[BeirHybridError] = RetrieverError) -> None:
    """A model of another kind has no one vector a text; averaged into one it is another, bad model.

    Raises:
        error_type: naming the kind.
    """
    kind = kind_of_model(given)
    if kind not in (None, "dense"):
        raise error_type(f"{name} is a {kind} model; expected a dense one, which gives each text one vector")


def _kind_of_folder(folder: Path) -> Kind | None:
    said = _json(folder / _CONFIG).get("model_type")
    if said in _KIND_OF_CLASS:
        return _KIND_OF_CLASS[said]
    modules = _json(folder / "modules.json").get("", [])
    types = " ".join(str(module.get("type", "")) for module in modules if isinstance(module, dict))
    if "sparse_encoder" in types:  # saved before the kind was
        return "sparse"
    if types:
        return "multi-vector" if "pylate" in types else "dense"
    architectures = _json(folder / "config.json").get("architectures") or []
    if any(str(name).endswith("ForSequenceClassification") for name in architectures):
        return "cross-encoder"
    return "dense" if (folder / "config.json").exists() else None


def _json(path: Path) -> dict[str, Any]:
    """A JSON object; a list stands below the empty key. What cannot be read says nothing here: loading it will."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {"": found}

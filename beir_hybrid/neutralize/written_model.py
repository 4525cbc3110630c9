"""The model that is written: the base with one or two more stock modules, and the card that says what was done."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beir_hybrid.errors import NeutralizeError
from beir_hybrid.neutralize.geometry import Role
from beir_hybrid.neutralize.transform import ARRAYS_FILE, RECORD_FILE, Transform
from beir_hybrid.progress import counted, no_bars
from beir_hybrid.retrieval.kinds import kind_of_model

TASKS: dict[Role, str] = {"query": "query", "passage": "document"}
"""What sentence-transformers calls the roles."""


def refuse_not_dense(model: Any) -> None:
    """Refuse what gives no single dense vector a text.

    Args:
        model: as it was given (text or path), or loaded.

    Raises:
        NeutralizeError: a cross-encoder, a sparse or multi-vector model, or no sentence-transformers model.
    """
    kind = kind_of_model(model)
    name = str(model) if isinstance(model, str | Path) else type(model).__name__
    if kind not in (None, "dense"):
        raise NeutralizeError(
            f"{name} is a {kind} model, and only one that gives one vector a text can be neutralized; for any other, "
            "put the scores of its results on one scale for every passage language: beir-hybrid fuse RESULTS "
            "--standardise --out DIR"
        )
    if kind is None and not isinstance(model, str | Path):
        raise NeutralizeError(f"{name} is not a dense sentence-transformers model; give the name or folder of one")


def refuse_routes(model: Any, method: str) -> None:
    """Refuse a model that cannot be given a route for each language, before its texts are encoded.

    Raises:
        NeutralizeError: what is removed differs by language, and the model has routes of its own.
    """
    from sentence_transformers.base.modules.router import Router

    if method != "project" and any(isinstance(module, Router) for module in model.children()):
        raise NeutralizeError(
            f"the model has routes of its own, and {method} needs one for each language; use --method project"
        )


def write_model(model: Any, transform: Transform, folder: Path) -> None:
    """The base's modules and the removal, as a sentence-transformers model that loads without this package.

    A removal that is the same for every text is a linear `Dense` module without bias before the last `Normalize` (at
    the end of a model that has none). One that differs by language is a `Router` with a `Dense` for each role and
    language, chosen with ``model.encode(texts, prompt_name="query", task="query-de")``; ``encode_query`` and
    ``encode_document`` alone remove what is common to all languages. It works on vectors of unit length if the model
    ranks by cosine, so a `Normalize` stands before and after it.

    See `refuse_routes` for what cannot be written.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.normalize import Normalize

    modules = list(model.named_children())
    names = {name for name, _ in modules}

    def add(place: int, module: Any) -> None:
        name = next(str(number) for number in range(len(modules), 2 * len(modules) + 2) if str(number) not in names)
        names.add(name)
        modules.insert(place, (name, module))

    normalized = bool(modules) and isinstance(modules[-1][1], Normalize)
    if not transform.needs_language:
        add(len(modules) - 1 if normalized else len(modules), _dense(transform, "passage", None))
    else:
        if transform.unit and not normalized:
            add(len(modules), Normalize())
        add(len(modules), _router(transform))
        if transform.unit:
            add(len(modules), Normalize())
    written = SentenceTransformer(
        modules=OrderedDict(modules),
        prompts=dict(model.prompts),
        default_prompt_name=model.default_prompt_name,
        similarity_fn_name=model.similarity_fn_name,
        device="cpu",
    )
    written.module_kwargs = model.module_kwargs
    with no_bars():
        written.save(str(folder), create_model_card=False)
    (folder / "README.md").write_text(model_card(transform), encoding="utf-8")


def _dense(transform: Transform, role: Role, language: str | None) -> Any:
    import torch
    from sentence_transformers.base.modules.dense import Dense

    weight, bias = transform.matrix(role, language)
    return Dense(
        transform.width, transform.width, bias=bias is not None, activation_function=torch.nn.Identity(),
        init_weight=torch.from_numpy(weight), init_bias=None if bias is None else torch.from_numpy(bias),
    )  # fmt: skip


def _router(transform: Transform) -> Any:
    from sentence_transformers.base.modules.router import Router

    routes = {}
    for role, task in TASKS.items():
        routes[task] = [_dense(transform, role, None)]
        for language in transform.languages:
            routes[f"{task}-{language}"] = [_dense(transform, role, language)]
    return Router(routes, default_route="document")


def model_card(transform: Transform) -> str:
    """What was done to which model with which texts, and how it is used."""
    from huggingface_hub import ModelCardData

    record = transform.record
    base: Mapping[str, Any] = record["base"]
    languages, k, leaks = list(record["languages"]), record.get("directions"), record["leak_check"]
    numbers = {
        "queries" if role == "query" else "passages": [entry["texts"] for entry in by_language.values()]
        for role, by_language in record["texts"].items()
    }
    texts = " and ".join(
        (f"{min(n):,}" if min(n) == max(n) else f"{min(n):,} to {max(n):,}") + f" {what}" for what, n in numbers.items()
    )
    shares = record["language_share_of_variance"]["passage"]
    metadata = ModelCardData(
        library_name="sentence-transformers", pipeline_tag="sentence-similarity", base_model=str(base["name"]),
        language=languages, tags=["sentence-transformers", "feature-extraction", "beir-hybrid"],
    )  # fmt: skip
    if transform.needs_language:
        one = languages[0]
        use = f"""queries = model.encode(["..."], prompt_name="query", task="query-{one}")      # a language's queries
passages = model.encode(["..."], prompt_name="document", task="document-{one}")  # and passages
others = model.encode_document(["..."])  # another language: what is common to all is removed"""
    else:
        use = """queries = model.encode_query(["..."])
passages = model.encode_document(["..."])  # of any language, known or not"""
    return f"""---
{metadata.to_yaml()}
---

# {base["name"]}, neutralized

`{base["name"]}` (fingerprint `{base["fingerprint"]}`) with what is language removed from its vectors, by \
`beir-hybrid neutralize`. No weight of the base was trained or changed.

- method: `{record["method"]}`{"" if k is None else f", {counted(k, 'direction', 'directions')}"}
- learnt from {texts} a language in {counted(len(languages), "language", "languages")}: {" ".join(languages)}
- sources: {json.dumps(record["sources"], ensure_ascii=False)}, seed {record["seed"]}
- queries: {record["queries"]}
- of the variance of these passages' vectors {shares["before"]:.1%} lay between the languages' means, \
{shares["after"]:.1%} do now
- overlap with test sets: {"none with " + ", ".join(leaks["disjoint_from"]) if leaks else "not checked"}
- `{RECORD_FILE}` holds the digests of the texts, `{ARRAYS_FILE}` the languages' means
- its licence is that of the base

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("THIS FOLDER")
{use}
```
"""

"""The four sorts of models that sentence-transformers trains, each with its trainer, arguments and losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from beir_hybrid.encoders import find_encoder
from beir_hybrid.errors import TrainingError, first_line
from beir_hybrid.retrieval.dense.models import own_prompts
from beir_hybrid.training.config import TrainConfig

DENSE = "SentenceTransformer"
HOSTS = (DENSE, "SparseEncoder", "MultiVectorEncoder", "CrossEncoder")
_DENSE_ONLY = ("distill", "matryoshka", "pretrain_text")


def host_of(source: str) -> str:
    """The class that a model is saved as; a bare transformers model is a dense encoder, a classifier a cross-encoder.

    Args:
        source: folder, registered name or name on the hub.
    """
    from sentence_transformers.util import load_file_path

    location = find_encoder(source, TrainingError).location
    if location is None:
        return DENSE

    def read(name: str) -> dict[str, Any]:
        path = load_file_path(location, name)
        values: dict[str, Any] = {} if path is None else json.loads(Path(path).read_text(encoding="utf-8"))
        return values

    if load_file_path(location, "modules.json") is not None:
        return str(read("config_sentence_transformers.json").get("model_type", DENSE))
    architectures = read("config.json").get("architectures") or [""]
    return "CrossEncoder" if architectures[0].endswith("ForSequenceClassification") else DENSE


def load_host(host: str, source: str, device: str | None) -> Any:
    """A model that is not dense, loaded as what it is.

    Raises:
        TrainingError: it cannot be loaded, or sentence-transformers does not train it.
    """
    import sentence_transformers

    if host not in HOSTS:
        raise TrainingError(f"{source} is a {host}; expected one of {', '.join(HOSTS)}")
    try:
        return getattr(sentence_transformers, host)(str(find_encoder(source, TrainingError).location), device=device)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise TrainingError(f"could not load the model {source!r}: {first_line(error)}") from error


def refuse_for_host(config: TrainConfig, host: str) -> None:
    """Refuse what only dense encoders have.

    Raises:
        TrainingError: one of these is set.
    """
    given = [name for name in _DENSE_ONLY if getattr(config, name)]
    if config.loss == "plain":
        given.append("loss plain")
    if host == "SparseEncoder" and config.cut_vocabulary:
        given.append("cut_vocabulary")  # its tokens are the dimensions of its vectors
    if host == "CrossEncoder" and (config.router_mapping or config.query_prompt or config.passage_prompt):
        given.append("router_mapping" if config.router_mapping else "query_prompt")
    if host != DENSE and given:
        raise TrainingError(f"--{given[0].replace('_', '-')} does not go with a {host}")


def loss_of(config: TrainConfig, model: Any) -> Any:
    """The loss of a model. The scale of one that is not dense is its host's own unless another one is set.

    Raises:
        TrainingError: dimensions to train that the model does not have.
    """
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sparse_encoder.losses import CachedSpladeLoss, SpladeLoss
    from sentence_transformers.util import dot_score

    import st_hybrid_batch

    host = type(model).__name__
    cached = "" if config.mini_batch_size is None else "Cached"
    options: dict[str, Any] = {"mini_batch_size": config.mini_batch_size} if cached else {}
    gather = {"gather_across_devices": config.gather}
    if host == "SparseEncoder":
        scale = 1.0 if config.scale == TrainConfig.scale else config.scale
        inner = st_hybrid_batch.MaskedMultipleNegativesRankingLoss(
            model, scale=scale, similarity_fct=dot_score, **gather
        )
        # the weights of the SPLADE papers' order: passages are many and long
        splade = CachedSpladeLoss if cached else SpladeLoss
        return splade(model, inner, document_regularizer_weight=3e-5, query_regularizer_weight=5e-5, **options)
    if host == DENSE or config.scale != TrainConfig.scale:
        options["scale"] = config.scale
    if host != "CrossEncoder":
        options |= gather
    if host == DENSE and config.loss == "plain":
        loss = getattr(losses, f"{cached}MultipleNegativesRankingLoss")(model, **options)
    else:
        sort = {DENSE: "", "MultiVectorEncoder": "MultiVector", "CrossEncoder": "CrossEncoder"}[host]
        loss = getattr(st_hybrid_batch, f"{cached}Masked{sort}MultipleNegativesRankingLoss")(model, **options)
    if not config.matryoshka:
        return loss
    full = int(model.get_embedding_dimension())
    if too_large := [dim for dim in config.matryoshka if dim >= full]:
        raise TrainingError(f"--matryoshka {too_large[0]} is not below the model's dimension {full}")
    return losses.MatryoshkaLoss(model, loss, matryoshka_dims=sorted({full, *config.matryoshka}, reverse=True))


def prompts_of(model: Any) -> dict[str, str]:
    """What a model puts before a ``query`` and a ``passage``, or, as a cross encoder, before a ``pair`` of them."""
    if type(model).__name__ == "CrossEncoder":
        return {"pair": model.prompts.get(model.default_prompt_name, "")}
    return {str(role): prompt for role, prompt in own_prompts(model).items()}


def routes(config: TrainConfig, model: Any, columns: list[str]) -> dict[str, str]:
    """The route of each column through a Router: as ``--router-mapping`` says, else ``query`` and ``document``.

    Args:
        config: the settings.
        model: the model.
        columns: the text columns of the data set.

    Raises:
        TrainingError: the model has no such route, or no Router.
    """
    from sentence_transformers.base.modules.router import Router

    router = next((module for module in model.children() if isinstance(module, Router)), None)
    pairs = [entry.partition("=") for entry in config.router_mapping or ("query=query", "passage=document")]
    wanted = {column.strip(): route.strip() for column, _, route in pairs}
    if config.router_mapping and (router is None or wanted.keys() != {"query", "passage"}):
        raise TrainingError(
            f"--router-mapping is {','.join(config.router_mapping)}; expected query=ROUTE,passage=ROUTE, for a model "
            "with a Router"
        )
    if router is None:
        return {}
    unknown = [route for route in wanted.values() if route not in router.sub_modules]
    if unknown:
        raise TrainingError(
            f"--router-mapping: the model has no route {unknown[0]!r}; it has {', '.join(router.sub_modules)}"
        )
    return {column: wanted["query" if column == "query" else "passage"] for column in columns}

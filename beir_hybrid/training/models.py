"""The model that a training begins with, of any of the four kinds; what of it is trained, and how it ends."""

from __future__ import annotations

from typing import Any

from beir_hybrid.encoders import find_encoder
from beir_hybrid.errors import MissingExtraError, TrainingError
from beir_hybrid.retrieval.dense.models import Role, load_model, own_prompts
from beir_hybrid.retrieval.kinds import Kind, kind_of_model
from beir_hybrid.training.config import TrainConfig, refuse_for_kind

PAPER_PROMPTS: dict[Role, str] = {"query": "Query: ", "passage": "Passage: "}
"""Of arXiv 2408.10536, for models that have never had any."""
_CLASSES = {"sparse": "SparseEncoder", "multi-vector": "MultiVectorEncoder", "cross-encoder": "CrossEncoder"}


def kind_of(source: str) -> Kind:
    """What kind of model a folder, a registered encoder or a name on the hub is."""
    location = find_encoder(source, TrainingError).location
    return (kind_of_model(location) if location is not None else None) or "dense"


def starting_model(config: TrainConfig, source: str) -> Any:
    """The model that the settings name, with its prompts and its length, frozen as they say.

    Raises:
        TrainingError: it cannot be loaded, or has not what a setting is about.
    """
    import torch
    from sentence_transformers.util import is_sentence_transformer_model

    torch.manual_seed(config.seed)  # of weights that the source does not have
    kind = kind_of(source) if config.from_scratch is None else "dense"
    model = load(source, kind)
    if is_static(model):
        refuse_for_kind(config, "static")
    if config.max_seq_length is not None:
        model.max_seq_length = config.max_seq_length
        for module in model.modules():
            if getattr(module, "document_length", None) is not None:  # of late interaction: it would come first
                module.document_length = config.max_seq_length
    # one that sentence-transformers saved has the prompts it is meant to have, or none
    location = find_encoder(source, TrainingError).location
    new = config.from_scratch is not None or (
        kind == "dense" and location is not None and not is_sentence_transformer_model(location)
    )
    if new or config.query_prompt is not None or config.passage_prompt is not None:
        prompts = PAPER_PROMPTS if new else own_prompts(model)
        given = {"query": config.query_prompt, "document": config.passage_prompt}
        kept = {"query": prompts["query"], "document": prompts["passage"]}
        model.prompts = kept | {name: prompt for name, prompt in given.items() if prompt is not None}
    for transformer in transformers_in(model):
        if hasattr(transformer, "set_default_language"):
            raise TrainingError(
                f"{source} is an {type(transformer).__name__}, which wants the language of every text to choose its "
                "adapters; sentence-transformers hands it texts alone, in training and when the trained model encodes: "
                "all would go through one language's. Train another model"
            )
        shape(transformer, config)
        pooler = getattr(transformer, "pooler", None)
        if isinstance(pooler, torch.nn.Module):
            # sentence-transformers pools by itself: no gradient comes here, which several processes would wait for
            pooler.requires_grad_(False)
    return model


def load(source: str, kind: Kind) -> Any:
    """A model, loaded as what it is.

    Raises:
        TrainingError: it cannot be loaded.
    """
    from beir_hybrid.retrieval.dense.models import load_class

    device = "cpu" if on_cpu() else None
    if kind == "dense":
        return load_model(source, device, TrainingError)
    location = str(find_encoder(source, TrainingError).location)
    return load_class(_CLASSES[kind], location, device, TrainingError)


def shape(transformer: Any, config: TrainConfig) -> None:
    """Drop all but the first layers of a transformers model, and freeze its word embeddings, as the settings say.

    Raises:
        TrainingError: it has fewer layers, or they are not found where encoders have them, or too few positions.
    """
    base = transformer.base_model  # a cross encoder has its head beside it
    positions: Any = getattr(getattr(base, "embeddings", None), "position_embeddings", None)
    if positions is not None and config.max_seq_length is not None:
        room = positions.num_embeddings - (-1 if positions.padding_idx is None else positions.padding_idx) - 1
        if config.max_seq_length > room:
            name = type(transformer).__name__
            raise TrainingError(f"--max-seq-length {config.max_seq_length}: {name} has positions for {room} tokens")
    if config.freeze_embeddings:
        transformer.get_input_embeddings().requires_grad_(False)
    if (wanted := config.keep_layers) is None:
        return
    inner = getattr(base, "encoder", base)
    layers: Any = next((getattr(inner, name) for name in ("layer", "layers") if hasattr(inner, name)), [])
    if wanted > len(layers):
        raise TrainingError(
            f"--keep-layers {wanted}: {type(transformer).__name__} has {len(layers)} layers to keep some of"
        )
    del layers[wanted:]
    transformer.config.num_hidden_layers = wanted


def prompts_of(model: Any) -> dict[str, str]:
    """What a model puts before a ``query`` and a ``passage``, or, as a cross encoder, before a ``pair`` of them."""
    if type(model).__name__ == "CrossEncoder":
        return {"pair": model.prompts.get(model.default_prompt_name, "")}
    return {str(role): prompt for role, prompt in own_prompts(model).items()}


def routes(config: TrainConfig, model: Any) -> dict[str, str]:
    """The route of a ``query`` and a ``passage`` through a Router, by ``--router-mapping``; empty without a Router.

    Raises:
        TrainingError: the model has no such route, or no Router.
    """
    from sentence_transformers.base.modules import Router

    router = next((module for module in model.children() if isinstance(module, Router)), None)
    pairs = [entry.partition("=") for entry in config.router_mapping or ("query=query", "passage=document")]
    wanted = {role.strip(): route.strip() for role, _, route in pairs}
    if config.router_mapping and (router is None or wanted.keys() != {"query", "passage"}):
        raise TrainingError(
            f"--router-mapping is {','.join(config.router_mapping)}; expected query=ROUTE,passage=ROUTE, for a model "
            "with a Router"
        )
    if router is None:
        return {}
    if unknown := [route for route in wanted.values() if route not in router.sub_modules]:
        raise TrainingError(
            f"--router-mapping: the model has no route {unknown[0]!r}; it has {', '.join(router.sub_modules)}"
        )
    return wanted


def transformers_in(model: Any) -> list[Any]:
    """The transformers models within a sentence-transformers model, of every route."""
    from transformers import PreTrainedModel

    found = [module for module in model.modules() if isinstance(module, PreTrainedModel)]
    inner = {id(part) for module in found for part in module.modules() if part is not module}
    return [module for module in found if id(module) not in inner]


def is_static(model: Any) -> bool:
    """Whether it is a mean of one vector a token, with no transformer."""
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    return isinstance(model[0], StaticEmbedding)


def on_cpu() -> bool:
    """Whether there is no device but the CPU."""
    import torch

    return not torch.accelerator.is_available()


def refuse_diverged(model: Any) -> None:
    """Refuse weights that are no numbers, which a trainer goes on with and saves.

    Raises:
        TrainingError: naming one.
    """
    for name, weights in model.named_parameters():
        if not weights.isfinite().all():
            raise TrainingError(
                f"the training has diverged: {name} is not finite; begin anew in another --out with a lower "
                "--learning-rate, or a longer --warmup"
            )


def average(model: Any, start: Any, share: float) -> None:
    """Weights between those a training began with and those it ended with (WiSE-FT, arXiv 2109.01903).

    Args:
        model: the trained model, changed in place.
        start: the model it began as.
        share: of the trained weights: 1 leaves the model as it is, 0 gives the start back.
    """
    trained, before = model.state_dict(), start.state_dict()
    model.load_state_dict(
        {
            name: before[name].to(value).lerp(value, share) if value.is_floating_point() else value
            for name, value in trained.items()
        }
    )


def adapt(model: Any, rank: int) -> None:
    """Low-rank adapters (LoRA, arXiv 2106.09685) on the linear layers of the transformers.

    The head of a classifier, which a cross encoder may have from nothing, is trained as it is; all else stands still.
    """
    try:
        from peft import LoraConfig
    except ModuleNotFoundError as error:
        raise MissingExtraError("--lora", "peft", "lora") from error
    from transformers import AutoConfig

    # sentence-transformers 6.0 asks the adapters' settings for it, when a cross encoder's checkpoint is loaded
    LoraConfig.architectures = None
    for transformer in transformers_in(model):
        try:
            AutoConfig.from_pretrained(transformer.name_or_path)
        except (OSError, ValueError) as error:
            raise TrainingError(
                "--lora needs a model whose transformer lies in its folder itself, where sentence-transformers finds "
                f"what the adapters of a checkpoint belong to; {transformer.name_or_path} has it in one below"
            ) from error
        base = transformer.base_model
        heads = [name for name, part in transformer.named_children() if base not in (part, transformer)]
        if transformer.get_output_embeddings() is not None:
            heads = []  # a language-modelling head is tied to the word embeddings
        config = LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            lora_dropout=0.0,
            target_modules="all-linear",
            # of a bare encoder: nothing that is trained comes out of it
            exclude_modules=r"pooler\..*" if getattr(transformer, "pooler", None) is not None else None,
            modules_to_save=[name for name in heads if any(True for _ in transformer.get_submodule(name).parameters())],
        )
        transformer.add_adapter(config)


def merge_adapters(model: Any) -> None:
    """Put what the adapters have learnt into the weights themselves, so that an ordinary model is left."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    for transformer in transformers_in(model):
        for name, layer in list(transformer.named_modules()):
            if isinstance(layer, BaseTunerLayer):
                layer.merge()
                transformer.set_submodule(name, layer.get_base_layer())
            elif isinstance(layer, ModulesToSaveWrapper):
                transformer.set_submodule(name, layer.modules_to_save[layer.active_adapters[0]])
        transformer._hf_peft_config_loaded = False
        del transformer.peft_config

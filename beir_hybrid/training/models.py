"""The model that a training begins with, what of it is trained, and what becomes of its weights at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beir_hybrid.encoders import find_encoder
from beir_hybrid.errors import MissingExtraError, TrainingError
from beir_hybrid.retrieval.dense.models import Role, load_model, own_prompts
from beir_hybrid.training.config import TrainConfig, refuse_for_static
from beir_hybrid.training.hosts import DENSE, host_of, load_host

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

PAPER_PROMPTS: dict[Role, str] = {"query": "Query: ", "passage": "Passage: "}
"""Of arXiv 2408.10536, for models that have never had any."""


def starting_model(config: TrainConfig, source: str) -> SentenceTransformer:
    """The model that the settings name, with its prompts and its length, frozen as they say.

    Args:
        config: the settings.
        source: folder or name: the one of the settings, or what was made of it.

    Raises:
        TrainingError: it cannot be loaded, or has not what a setting is about.
    """
    import torch

    torch.manual_seed(config.seed)  # of weights that the source does not have
    device = "cpu" if on_cpu() else None
    host = host_of(source) if config.from_scratch is None else DENSE
    model = load_model(source, device, TrainingError) if host == DENSE else load_host(host, source, device)
    if is_static(model):
        refuse_for_static(config)
    if config.max_seq_length is not None:
        model.max_seq_length = config.max_seq_length
    if config.keep_layers is not None:
        for transformer in transformers_in(model):
            _keep_layers(transformer, config.keep_layers)
    new = config.from_scratch is not None or (host == DENSE and not _was_saved_whole(source))
    if new or config.query_prompt is not None or config.passage_prompt is not None:
        prompts = PAPER_PROMPTS if new else own_prompts(model)
        given = {"query": config.query_prompt, "document": config.passage_prompt}
        kept = {"query": prompts["query"], "document": prompts["passage"]}
        model.prompts = kept | {name: prompt for name, prompt in given.items() if prompt is not None}
    for transformer in transformers_in(model):
        pooler = getattr(transformer, "pooler", None)
        if isinstance(pooler, torch.nn.Module):
            # sentence-transformers pools by itself: no gradient comes here, which several processes would wait for
            pooler.requires_grad_(False)
        if config.freeze_embeddings:
            transformer.get_input_embeddings().requires_grad_(False)
    return model


def _keep_layers(transformer: Any, wanted: int) -> None:
    """Drop all but the first layers of a transformers model.

    Raises:
        TrainingError: it has fewer, or its layers are not found where encoders have them.
    """
    base = transformer.base_model  # a cross encoder has its head beside it
    inner = getattr(base, "encoder", base)
    layers = next((getattr(inner, name) for name in ("layer", "layers") if hasattr(inner, name)), None)
    there = 0 if layers is None else len(layers)
    if layers is None or wanted > there:
        raise TrainingError(f"--keep-layers {wanted}: {type(transformer).__name__} has {there} layers to keep some of")
    del layers[wanted:]
    transformer.config.num_hidden_layers = wanted


def _was_saved_whole(source: str) -> bool:
    """Whether a model was saved by sentence-transformers, so that its prompts, or its having none, are meant."""
    from sentence_transformers.util import is_sentence_transformer_model

    location = find_encoder(source, TrainingError).location
    return location is None or bool(is_sentence_transformer_model(location))


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


def weights_of(model: Any) -> dict[str, Tensor]:
    """A copy of all weights, in the memory of the CPU."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}


def average(model: Any, start: Mapping[str, Tensor], share: float) -> None:
    """Weights between those a training began with and those it ended with (WiSE-FT, arXiv 2109.01903).

    Args:
        model: the trained model, changed in place.
        start: the weights it began with.
        share: of the trained weights: 1 leaves the model as it is, 0 gives it back.
    """
    state = model.state_dict()
    mixed = {
        name: (before.to(state[name].device).lerp(state[name], share) if before.is_floating_point() else before)
        for name, before in start.items()
    }
    model.load_state_dict(mixed)


def adapt(model: Any, rank: int) -> None:
    """Low-rank adapters (LoRA, arXiv 2106.09685) on every linear layer of the transformers; all else stands still."""
    try:
        from peft import LoraConfig
    except ModuleNotFoundError as error:
        raise MissingExtraError("--lora", "peft", "lora") from error

    for transformer in transformers_in(model):
        transformer.add_adapter(LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear"))


def merge_adapters(model: Any) -> None:
    """Put what the adapters have learnt into the weights themselves, so that an ordinary model is left."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for transformer in transformers_in(model):
        for name, layer in list(transformer.named_modules()):
            if isinstance(layer, BaseTunerLayer):
                layer.merge()
                transformer.set_submodule(name, layer.get_base_layer())
        transformer._hf_peft_config_loaded = False
        del transformer.peft_config

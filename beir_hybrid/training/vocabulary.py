"""A vocabulary cut to the tokens in use, for training with a small embedding table, and the way back.

XLM-R's 250 thousand tokens are most of a small multilingual encoder; a training text uses a tenth of them.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beir_hybrid.disk.files import folder_written_whole
from beir_hybrid.errors import TrainingError

_AT_ONCE = 1000
_HEAD = 48
"""Characters of a text's first word that are read again behind every prompt."""
_TABLES = re.compile(r"(word_embeddings|embed_tokens|tok_embeddings|wte|shared|decoder|lm_head|predictions)(\.|$)")
"""Names of tensors with a row for every token: embeddings, and the head of masked-language modelling."""
_OTHER_FORMS = ("sentencepiece.bpe.model", "spiece.model", "vocab.txt", "vocab.json", "merges.txt", "added_tokens.json")
"""Files that say again what tokenizer.json says, of the whole vocabulary."""


def cut_vocabulary(folder: Path, texts: Iterable[str], out: Path, prompts: Sequence[str] = ()) -> int:
    """Write a model folder without the tokens that no text needs; every text keeps its tokens, as is checked.

    Args:
        folder: a saved transformer model (of transformers or sentence-transformers) with a ``tokenizer.json``.
        texts: all that the model is to read; other texts get unknown tokens.
        out: the folder to write, new or empty.
        prompts: what is put before texts, besides the prompts that the folder names itself.

    Returns:
        How many tokens are left.

    Raises:
        TrainingError: the folder has no such tokenizer or no embeddings in safetensors, or a text would be read
            otherwise than before.
    """
    from tokenizers import Tokenizer

    within = transformer_folder(folder)
    whole = _tokenizer(within)
    bare = list(dict.fromkeys(texts))
    # a prompt changes the tokens of the word that it meets, if any
    starts = dict.fromkeys([*_prompts(folder), *prompts])
    firsts = dict.fromkeys(text.split(maxsplit=1)[0][:_HEAD] for text in bare if not text.isspace() and text)
    asked = list(dict.fromkeys([*bare, *(start + first for start in starts for first in firsts)]))
    before = _encoded(Tokenizer.from_str(json.dumps(whole)), asked)
    ids = _ids(whole)
    kept = np.array(sorted(_needed(whole, ids, set(np.unique(before).tolist()))), dtype=np.int64)
    new_id = {int(old): new for new, old in enumerate(kept)}
    cut = _cut_tokenizer(whole, ids, new_id)
    after = _encoded(Tokenizer.from_str(json.dumps(cut)), asked)
    if not np.array_equal(kept[after], before):
        raise TrainingError(
            f"{folder}: its tokenizer reads the texts otherwise when its vocabulary is cut; leave it whole"
        )
    rows = _config(within)["vocab_size"]
    with folder_written_whole(out) as part:
        shutil.copytree(folder, part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors", *_OTHER_FORMS))
        inner = part / within.relative_to(folder)
        (inner / "tokenizer.json").write_text(json.dumps(cut, ensure_ascii=False), encoding="utf-8")
        _rewrite(inner / "config.json", lambda config: _renumbered(config, new_id) | {"vocab_size": len(kept)})
        _rewrite(inner / "tokenizer_config.json", lambda config: _renumbered(config, new_id))
        changed = _write_tensors(
            folder, part, lambda name, tensor: tensor[kept].contiguous() if _is_table(name, tensor, rows) else tensor
        )
        if not changed:
            raise TrainingError(
                f"{folder}: no embeddings of {rows:,} tokens in *.safetensors; cannot cut its vocabulary"
            )
    return len(kept)


def restore_vocabulary(cut: Path, base: Path, out: Path) -> None:
    """Write a model with a cut vocabulary, as it is after its training, with the whole vocabulary of ``base`` again.

    Args:
        cut: the folder that `cut_vocabulary` wrote, or a model that was trained from it and saved.
        base: the folder that it was cut from: tokens that were cut off have their rows from here.
        out: the folder to write, new or empty.

    Raises:
        TrainingError: ``cut`` has tokens that ``base`` has not, or no embeddings that match.
    """
    import torch
    from safetensors.torch import load_file

    inner_cut, inner_base = transformer_folder(cut), transformer_folder(base)
    known, left = _ids(_tokenizer(inner_base)), _ids(_tokenizer(inner_cut))
    strange = [token for token in left if token not in known]
    if strange:
        raise TrainingError(f"{cut} has the token {strange[0]!r}, which {base} has not; it was not cut from it")
    kept = torch.tensor([known[token] for token, _ in sorted(left.items(), key=lambda item: item[1])])
    rows = _config(inner_base)["vocab_size"]
    tables = {
        name: tensor
        for path in inner_base.glob("*.safetensors")
        for name, tensor in load_file(path).items()
        if _is_table(name, tensor, rows)
    }

    def filled(name: str, tensor: Any) -> Any:
        if not _is_table(name, tensor, len(kept)):
            return tensor
        # a model that was loaded and saved again may have lost or got the prefix of its class
        whole = next(
            (tables[key] for key in tables if f".{key}".endswith(f".{name}") or f".{name}".endswith(f".{key}")), None
        )
        if whole is None:
            raise TrainingError(f"{base} has no {name}, which {cut} has")
        whole = whole.to(tensor.dtype, copy=True)
        whole[kept] = tensor
        return whole

    names = [path.name for path in inner_base.iterdir() if path.name.startswith(("tokenizer", "special_tokens"))]
    with folder_written_whole(out) as part:
        shutil.copytree(cut, part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
        inner = part / inner_cut.relative_to(cut)
        for name in [*names, *(name for name in _OTHER_FORMS if (inner_base / name).exists())]:
            shutil.copyfile(inner_base / name, inner / name)
        whole_config = _config(inner_base)
        numbers = {key: value for key, value in whole_config.items() if key.endswith("_token_id")}
        _rewrite(inner / "config.json", lambda config: config | numbers | {"vocab_size": rows})
        # how much is read of a text is a setting of the tokenizer, and of the training
        for name, key in (("tokenizer.json", "truncation"), ("tokenizer_config.json", "model_max_length")):
            trained = {key: _read(inner_cut / name).get(key)}
            _rewrite(inner / name, trained.__ror__)
        if not _write_tensors(cut, part, filled):
            raise TrainingError(f"{cut}: no embeddings of {len(kept):,} tokens in *.safetensors")


def transformer_folder(folder: Path) -> Path:
    """The transformers model in a saved sentence-transformers model: at its root, or where modules.json says."""
    listed = folder / "modules.json"
    if not listed.exists():
        return folder
    modules: list[dict[str, Any]] = json.loads(listed.read_text(encoding="utf-8"))
    return folder / str(modules[0]["path"])


def _needed(tokenizer: dict[str, Any], ids: dict[str, int], used: set[int]) -> set[int]:
    """The tokens in use, and those without which the algorithm would cut the same text elsewhere."""
    model = tokenizer["model"]
    needed = used | {token["id"] for token in tokenizer["added_tokens"]}
    if model.get("byte_fallback"):
        needed |= {number for token, number in ids.items() if re.fullmatch(r"<0x[0-9A-F]{2}>", token)}
    if model["type"] == "Unigram":
        # an unknown character costs as much as the rarest token and more
        rarest = min(range(len(model["vocab"])), key=lambda number: model["vocab"][number][1])
        return needed | {rarest, *([] if model["unk_id"] is None else [model["unk_id"]])}
    if model.get("unk_token") in ids:
        needed.add(ids[model["unk_token"]])
    if model["type"] == "BPE":
        parts: dict[str, list[tuple[str, str]]] = {}
        for left, right in map(_pair, model["merges"]):
            parts.setdefault(left + right.removeprefix(model.get("continuing_subword_prefix") or ""), []).append(
                (left, right)
            )
        name = {number: token for token, number in ids.items()}
        waiting = [name[number] for number in needed]
        while waiting:
            for part in itertools.chain.from_iterable(parts.pop(waiting.pop(), [])):
                if ids[part] not in needed or part in parts:
                    needed.add(ids[part])
                    waiting.append(part)
    return needed


def _cut_tokenizer(tokenizer: dict[str, Any], ids: dict[str, int], new_id: dict[int, int]) -> dict[str, Any]:
    """``tokenizer.json`` with the tokens of ``new_id`` alone, under their new numbers."""
    model = dict(tokenizer["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [entry for number, entry in enumerate(model["vocab"]) if number in new_id]
        model["unk_id"] = new_id.get(model["unk_id"])
    else:
        model["vocab"] = {token: new_id[number] for token, number in model["vocab"].items() if number in new_id}
    if model["type"] == "BPE":
        prefix = model.get("continuing_subword_prefix") or ""
        model["merges"] = [
            merge
            for merge in model["merges"]
            for left, right in [_pair(merge)]
            if {left, right, left + right.removeprefix(prefix)} <= model["vocab"].keys()
        ]
    cut = {**tokenizer, "model": model}
    cut["added_tokens"] = [{**token, "id": new_id[token["id"]]} for token in tokenizer["added_tokens"]]
    cut["padding"] = _renumbered(tokenizer.get("padding"), new_id)
    cut["post_processor"] = _renumbered(tokenizer.get("post_processor"), new_id)
    return cut


def _renumbered(value: Any, new_id: dict[int, int], key: str = "") -> Any:
    """Settings with the numbers of tokens replaced, wherever they stand in the files of a tokenizer or a model."""
    if isinstance(value, dict) and key == "added_tokens_decoder":
        return {str(new_id[int(number)]): token for number, token in value.items()}
    if isinstance(value, dict):
        return {name: _renumbered(each, new_id, name) for name, each in value.items()}
    if isinstance(value, list) and key in ("sep", "cls"):  # of BertProcessing and RobertaProcessing
        return [value[0], new_id[value[1]]]
    if isinstance(value, list):
        return [_renumbered(each, new_id, key) for each in value]
    if isinstance(value, int) and (key.endswith("_token_id") or key in ("ids", "pad_id")):
        return new_id.get(value, value)
    return value


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _tokenizer(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer.json"
    try:
        tokenizer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(
            f"{path} does not exist; a vocabulary is cut in a folder that holds its tokenizer.json"
        ) from None
    if tokenizer["model"]["type"] not in ("Unigram", "BPE", "WordPiece"):
        raise TrainingError(f"{path}: a {tokenizer['model']['type']} tokenizer; expected Unigram, BPE or WordPiece")
    return tokenizer


def _ids(tokenizer: dict[str, Any]) -> dict[str, int]:
    """The number of every token."""
    vocab = tokenizer["model"]["vocab"]
    ids = {token: number for number, (token, _) in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)
    return ids | {token["content"]: token["id"] for token in tokenizer["added_tokens"]}


def _prompts(folder: Path) -> list[str]:
    prompts = _read(folder / "config_sentence_transformers.json").get("prompts") or {}
    return [prompt for prompt in prompts.values() if prompt]


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.exists():
        raise TrainingError(f"{path} does not exist; a vocabulary is cut in the folder of a transformer")
    return _read(path)


def _encoded(tokenizer: Any, texts: Sequence[str]) -> NDArray[np.int64]:
    """The tokens of all texts, one after the other, shape (tokens,)."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    found = [np.empty(0, np.int64)]
    for begin in range(0, len(texts), _AT_ONCE):
        encodings = tokenizer.encode_batch(texts[begin : begin + _AT_ONCE], add_special_tokens=False)
        found.append(np.fromiter(itertools.chain.from_iterable(one.ids for one in encodings), np.int64))
    return np.concatenate(found)


def _is_table(name: str, tensor: Any, rows: int) -> bool:
    return tensor.ndim > 0 and len(tensor) == rows and _TABLES.search(name) is not None


def _write_tensors(folder: Path, out: Path, changed: Callable[[str, Any], Any]) -> bool:
    """Write each file of tensors with some of them changed, and say whether any was."""
    from safetensors.torch import load_file, save_file

    any_changed = False
    for path in sorted(folder.rglob("*.safetensors")):
        tensors = load_file(path)
        new = {name: changed(name, tensor) for name, tensor in tensors.items()}
        any_changed |= any(new[name] is not tensor for name, tensor in tensors.items())
        save_file(new, out / path.relative_to(folder), metadata={"format": "pt"})
    return any_changed


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return values


def _rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what a file of settings says; one that already says so stays as it is."""
    before = _read(path)
    if path.exists() and (after := change(before)) != before:
        path.write_text(json.dumps(after, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

"""A cut vocabulary reads the texts as the whole one does, and can be undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.datasets.sample import sample_groups
from beir_hybrid.errors import TrainingError
from beir_hybrid.training.vocabulary import cut_vocabulary, restore_vocabulary

pytestmark = pytest.mark.train

TEXTS = [text for group in sample_groups() for side in ("query", "passage") for text in group[side].values()]


def folder_of(tokenizer: Any, path: Path, rows: int | None = None) -> Path:
    """A model folder that is a tokenizer and an embedding table whose row i is all i."""
    import torch
    from safetensors.torch import save_file

    size = rows or tokenizer.get_vocab_size()
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "config.json").write_text(json.dumps({"vocab_size": size, "mask_token_id": tokenizer.token_to_id("[M]")}))
    table = torch.arange(float(size))[:, None].repeat(1, 2)
    # as many positions as tokens: only names tell them apart
    save_file({"word_embeddings.weight": table, "position_embeddings.weight": table * 2}, path / "model.safetensors")
    return path


def rows_of(folder: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")["word_embeddings.weight"]


def trained_tokenizer(kind: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    special = ["[U]", "[C]", "[S]"]
    model, trainer = {
        "Unigram": (
            models.Unigram(),
            trainers.UnigramTrainer(vocab_size=3000, special_tokens=special, unk_token="[U]"),
        ),
        "BPE": (models.BPE(unk_token="[U]"), trainers.BpeTrainer(vocab_size=3000, special_tokens=special)),
        "WordPiece": (
            models.WordPiece(unk_token="[U]"),
            trainers.WordPieceTrainer(vocab_size=3000, special_tokens=special),
        ),
    }[kind]
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens(["[M]"])
    tokenizer.post_processor = processors.BertProcessing(("[S]", 2), ("[M]", tokenizer.token_to_id("[M]")))
    return tokenizer


@pytest.mark.parametrize("kind", ["Unigram", "BPE", "WordPiece"])
def test_the_texts_keep_their_tokens_and_rows(kind: str, tmp_path: Path) -> None:
    """Every algorithm cuts the texts into the same tokens, whose rows come along, special tokens too."""
    from tokenizers import Tokenizer

    whole = trained_tokenizer(kind)
    base = folder_of(whole, tmp_path / "base")
    kept = cut_vocabulary(base, TEXTS[:40], tmp_path / "cut", prompts=["say: "])
    cut = Tokenizer.from_file(str(tmp_path / "cut" / "tokenizer.json"))
    assert kept == cut.get_vocab_size() == len(rows_of(tmp_path / "cut")) < whole.get_vocab_size()
    for text in [*TEXTS[:40], f"say: {TEXTS[3]}"]:
        before, after = whole.encode(text), cut.encode(text)
        assert after.tokens == before.tokens
        assert rows_of(tmp_path / "cut")[after.ids, 0].tolist() == before.ids
    config = json.loads((tmp_path / "cut" / "config.json").read_text())
    assert config == {"vocab_size": kept, "mask_token_id": cut.token_to_id("[M]")}


def test_an_unknown_character_costs_what_it_did(tmp_path: Path) -> None:
    """Unigram's unknown token is dearer than its rarest token, which therefore stays: without z, bcdef would win."""
    from tokenizers import Tokenizer, models

    pieces = [("[U]", 0.0), ("ab", -9.0), ("cd", -9.0), ("ef", -9.0), ("bcdef", -0.1), ("z", -20.0), ("y", -1.0)]
    base = folder_of(Tokenizer(models.Unigram(pieces, unk_id=0)), tmp_path / "base")
    assert cut_vocabulary(base, ["abcdef", "bcdef"], tmp_path / "cut") == 6
    cut = Tokenizer.from_file(str(tmp_path / "cut" / "tokenizer.json"))
    assert cut.encode("abcdef").tokens == ["ab", "cd", "ef"]


def test_undone_it_is_the_base_with_what_was_trained(tmp_path: Path) -> None:
    """Rows that were cut off come from the base, the others and the rest of the model from the training."""
    import torch
    from safetensors.torch import load_file, save_file

    base = folder_of(trained_tokenizer("Unigram"), tmp_path / "base", rows=5000)  # with rows that no token has
    cut = tmp_path / "cut"
    kept = cut_vocabulary(base, TEXTS[:40], cut)
    untouched = tmp_path / "untouched"
    restore_vocabulary(cut, base, untouched)
    for name in ("tokenizer.json", "config.json"):
        assert json.loads((untouched / name).read_text()) == json.loads((base / name).read_text())
    assert torch.equal(rows_of(untouched), rows_of(base))
    trained = {f"bert.{name}": tensor + 1000 for name, tensor in load_file(cut / "model.safetensors").items()}
    save_file(trained, cut / "model.safetensors")
    restore_vocabulary(cut, base, tmp_path / "back")
    back = load_file(tmp_path / "back" / "model.safetensors")
    moved = (back["bert.word_embeddings.weight"] - rows_of(base))[:, 0]
    assert (int((moved == 1000).sum()), int((moved == 0).sum())) == (kept, 5000 - kept)
    assert torch.equal(back["bert.position_embeddings.weight"], trained["bert.position_embeddings.weight"])


def test_what_cannot_be_cut(tmp_path: Path) -> None:
    """A folder without a tokenizer.json, one without embeddings, and a base that it was not cut from are refused."""
    base = folder_of(trained_tokenizer("Unigram"), tmp_path / "base")
    cut_vocabulary(base, TEXTS[:5], tmp_path / "cut")
    with pytest.raises(TrainingError, match=r"has the token .*, which .*cut has not; it was not cut from it"):
        restore_vocabulary(base, tmp_path / "cut", tmp_path / "back")
    (base / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"no embeddings of [0-9,]+ tokens in \*.safetensors"):
        cut_vocabulary(base, TEXTS[:5], tmp_path / "other")
    assert not (tmp_path / "other").exists()
    (base / "tokenizer.json").unlink()
    with pytest.raises(TrainingError, match=r"tokenizer\.json does not exist"):
        cut_vocabulary(base, TEXTS[:5], tmp_path / "other")

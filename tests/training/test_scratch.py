"""The tokenizer that is trained on the training text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.datasets.sample import sample_groups
from beir_hybrid.errors import TrainingError
from beir_hybrid.training.scratch import (
    load_tokenizer,
    static_model,
    token_weights,
    train_tokenizer,
    transformer_folder,
)

pytestmark = pytest.mark.train


def texts() -> list[str]:
    return [text for group in sample_groups() for side in ("query", "passage") for text in group[side].values()]


def test_the_tokenizer_is_the_same_at_every_call(tokenizer_file: Path) -> None:
    """Two trainings on the same text number their tokens alike, so that a seed gives one model."""
    assert train_tokenizer(texts(), 600).to_str() == tokenizer_file.read_text(encoding="utf-8") or (
        train_tokenizer(texts(), 600).to_str() == load_tokenizer(tokenizer_file).to_str()
    )


@pytest.mark.parametrize("language", ["hi", "th", "zh", "ar", "el"])
def test_every_script_is_covered(tokenizer_file: Path, language: str) -> None:
    """Hindi and Thai vowel marks and Chinese characters are tokens or parts of them: nothing is unknown or lost."""
    tokenizer = load_tokenizer(tokenizer_file)
    for group in sample_groups():
        tokens = tokenizer.encode(group["passage"][language]).tokens
        assert tokens
        assert "<unk>" not in tokens


def test_marks_stay_with_their_letters() -> None:
    """A Hindi word is one run: cut at its vowel marks, its pieces would never meet."""
    tokenizer = train_tokenizer(["हिन्दी की किताब", "ภาษาไทย"] * 20, 400)
    joined = "".join(tokenizer.encode("हिन्दी").tokens).replace("▁", "")
    assert joined == "हिन्दी"
    assert tokenizer.encode("हिन्दी").tokens[0].startswith("▁ह")
    assert sum(token.startswith("▁") for token in tokenizer.encode("हिन्दी").tokens) == 1


def test_case_and_width_do_not_count(tokenizer_file: Path) -> None:
    """NFKC and lower case: the same word is the same tokens."""
    tokenizer = load_tokenizer(tokenizer_file)
    assert tokenizer.encode("Bread").ids == tokenizer.encode("bread").ids == tokenizer.encode("ＢＲＥＡＤ").ids


def test_a_missing_tokenizer(tmp_path: Path) -> None:
    """A path with no tokenizer says what is expected there; so do a file that is none and one that fits no encoder."""
    from tokenizers import Tokenizer, models

    with pytest.raises(TrainingError, match=r"tokenizer.json does not exist; expected a tokenizer.json"):
        load_tokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    Tokenizer(models.WordLevel({"word": 0})).save(str(file))  # without an unknown token
    for text in (file.read_text(), '{"id": 1}'):
        file.write_text(text)
        with pytest.raises(TrainingError, match=r"tokenizer.json is no tokenizer.json that any text can be read with"):
            load_tokenizer(tmp_path)
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    with pytest.raises(TrainingError, match=r"--tokenizer has no <pad>; expected one that has <pad> <unk> <s>"):
        transformer_folder(words, tmp_path / "model", width=64, layers=1, max_seq_length=8, seed=0)


def test_rare_tokens_weigh_more() -> None:
    """A token's weight is its inverse document frequency: ln(1 + 4/5) in all four texts, ln(1 + 4/2) in one."""
    corpus = ["red fox", "red hen", "red dog", "red owl"]
    tokenizer = train_tokenizer(corpus * 5, 400)
    weights = token_weights(tokenizer, corpus)
    assert weights.shape == (tokenizer.get_vocab_size(),)
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    red, fox, unseen = (weights[tokenizer.token_to_id(token)] for token in ("▁red", "▁fox", "<mask>"))
    assert fox / red == pytest.approx(np.log(3) / np.log(1.8), rel=1e-5)
    assert unseen / red == pytest.approx(np.log(5) / np.log(1.8), rel=1e-5)


def test_a_text_that_says_nothing_leaves_all_weights_equal() -> None:
    """No texts, no telling: vectors keep their random lengths rather than become zero or NaN."""
    tokenizer = train_tokenizer(["red fox"] * 5, 300)
    assert (token_weights(tokenizer, []) == 1).all()


def test_weights_are_the_lengths_of_the_first_vectors() -> None:
    """The directions come from the seed alone; a token of weight 2 has twice the vector it has without weights."""
    tokenizer = train_tokenizer(["red fox"] * 5, 300)
    weights = np.full(tokenizer.get_vocab_size(), 2, np.float32)
    plain, weighted = static_model(tokenizer, 16, seed=3), static_model(tokenizer, 16, seed=3, weights=weights)
    assert np.allclose(weighted[0].embedding.weight.detach(), 2 * plain[0].embedding.weight.detach())

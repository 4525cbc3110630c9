"""Word embeddings of the tokens in use, which train as in the whole table and are saved in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beir_hybrid.errors import TrainingError
from beir_hybrid.training.train import train
from beir_hybrid.training.vocabulary import TokensInUse
from tests.training.conftest import Configure, weights

pytestmark = pytest.mark.train

EMBEDDINGS = "embeddings.word_embeddings.weight"


def test_rows_in_use_are_the_only_parameters() -> None:
    """Looked up are all rows as they are; gradient, optimizer and padding concern those in use; the table is whole."""
    table = torch.nn.Embedding(6, 2, padding_idx=1)
    part = TokensInUse(table, torch.tensor([1, 4, 5]))
    assert [tuple(parameter.shape) for parameter in part.parameters()] == [(3, 2)]
    ids = torch.tensor([[0, 4], [1, 5]])
    assert part(ids).equal(table(ids))
    part(ids).sum().backward()
    assert part.weight.grad is not None and part.weight.grad.tolist() == [[0, 0], [1, 1], [1, 1]]
    with torch.no_grad():
        part.weight += 10
    expected = table.weight.detach().clone()
    expected[[1, 4, 5]] += 10
    assert list(part.state_dict()) == ["weight"]
    assert part.state_dict()["weight"].equal(expected)
    part.load_state_dict({"weight": expected + 1})
    assert part.weight.equal((expected + 1)[[1, 4, 5]])


@pytest.mark.slow
def test_a_cut_vocabulary_is_the_same_training(
    configure: Configure, trained: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--cut-vocabulary trains the tokens in use as they would have been trained, and saves the whole table.
    How much the model reads of a text is what it was trained with; the best checkpoint is an ordinary one."""
    from sentence_transformers import SentenceTransformer

    base = trained("transformer")
    (tmp_path / "en-th.txt").write_text("what ไทย\nhow ของ\nwhich ไทย\n", encoding="utf-8")  # in use as well
    options: dict[str, Any] = {"model": str(base), "weight_decay": 0.0, "languages": ("de", "en")}
    options |= {"code_switch": 1.0, "lexicon": str(tmp_path / "en-th.txt")}
    train(configure(tmp_path / "whole", "transformer", **options))
    train(configure(tmp_path / "cut", "transformer", **options, cut_vocabulary=True))
    assert "vocabulary: " in capsys.readouterr().err
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert whole.keys() == cut.keys()
    assert all(torch.allclose(whole[name], cut[name], atol=1e-6) for name in whole)
    for name in ("tokenizer.json", "config.json", "modules.json"):
        ours, theirs = (json.loads((tmp_path / out / name).read_text(encoding="utf-8")) for out in ("cut", "whole"))
        assert ours == theirs
    short = {**options, "max_seq_length": 8, "steps": 1}
    train(configure(tmp_path / "short", "transformer", **short, cut_vocabulary=True))
    lengths = [SentenceTransformer(str(tmp_path / name), device="cpu").max_seq_length for name in ("cut", "short")]
    assert lengths == [16, 8]
    still = (cut[EMBEDDINGS] == weights(base)[EMBEDDINGS]).all(dim=1)
    assert 10 < int((~still).sum()) < 100


@pytest.mark.slow
def test_tokens_that_are_not_in_use_stand_still(
    configure: Configure, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """Weight decay does not reach them; a query that is code-switched into them is read with them as they are."""
    base = weights(trained("transformer"))[EMBEDDINGS]
    lexicon = tmp_path / "en-fr.txt"
    lexicon.write_text("what дом\nthe мир\n", encoding="utf-8")
    options: dict[str, Any] = {"languages": ("de", "en"), "lexicon": str(lexicon), "code_switch": 1.0}
    model = {"model": str(trained("transformer")), "cut_vocabulary": True, "weight_decay": 0.5, "learning_rate": 0.01}
    train(configure(tmp_path / "o", "transformer", **model, **options))
    moved = (weights(tmp_path / "o")[EMBEDDINGS] != base).any(dim=1)
    assert 10 < int(moved.sum()) < 300


def test_embeddings_that_are_more_than_looked_up_are_refused() -> None:
    """A head that shares them would be trained apart from them."""
    from types import SimpleNamespace

    from transformers import BertConfig, BertForMaskedLM

    from beir_hybrid.training import vocabulary

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    module = SimpleNamespace(auto_model=BertForMaskedLM(BertConfig(vocab_size=9, **sizes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "_with_tokens", lambda model: [module])
        with pytest.raises(TrainingError, match="--cut-vocabulary: BertForMaskedLM does more with its word embeddings"):
            vocabulary.train_tokens_in_use(None, [np.arange(3)])

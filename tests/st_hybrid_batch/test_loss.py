"""The losses, on embeddings at chosen angles: cosines can be worked out by hand."""

import math

import pytest

torch = pytest.importorskip("torch")

from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.sentence_transformer.losses import (  # noqa: E402
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.util import cos_sim  # noqa: E402

from st_hybrid_batch import CachedMaskedMultipleNegativesRankingLoss, MaskedMultipleNegativesRankingLoss  # noqa: E402
from tests.st_hybrid_batch.helpers import circle  # noqa: E402

ALL = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")
CHOICES = [
    (("query_to_doc",), "joint"),
    (("query_to_doc", "doc_to_query"), "per_direction"),
    (ALL, "joint"),
]


def embeddings(negatives=1):
    return [circle(0, 60, 130, 200), circle(10, 80, 120, 250), *[circle(30, 75, 180, 300)] * negatives]


def test_by_hand():
    """Two rows, scale 2: the positive at 60 degrees, the other passage at 90."""
    queries, docs = circle(0, 0), circle(60, 90)
    loss = MaskedMultipleNegativesRankingLoss(None, scale=2.0)
    value = loss.compute_loss_from_embeddings([queries, docs], torch.tensor([[0], [1]])).item()
    # cosines 1/2 and 0, scaled to 1 and 0: -log(e / (e + 1)) for row 0, -log(1 / (e + 1)) for row 1
    assert value == pytest.approx(math.log(math.e + 1) - 0.5)


def test_a_translation_of_the_positive_is_spared():
    """Equal labels: each row's only candidate is its positive, so the loss is 0 and nothing is pushed."""
    queries, docs = circle(0, 0), circle(60, 90)
    loss = MaskedMultipleNegativesRankingLoss(None).compute_loss_from_embeddings(
        [queries, docs], torch.tensor([[7], [7]])
    )
    loss.backward()
    assert loss.item() == 0.0
    assert docs.grad.abs().max() < 1e-12


def test_only_that_candidate_is_spared():
    """Three rows, 0 and 2 parallel: row 0 sees its own passage and row 1's."""
    queries, docs = circle(0, 0, 0), circle(60, 90, 60)
    loss = MaskedMultipleNegativesRankingLoss(None, scale=2.0)
    value = loss.compute_loss_from_embeddings([queries, docs], torch.tensor([[0], [1], [0]])).item()
    outer, inner = math.log(math.e + 1) - 1, math.log(2 * math.e + 1)
    assert value == pytest.approx((2 * outer + inner) / 3)


def test_a_hard_negative_that_answers_another_row_is_spared_there():
    """Ids (5, 6) and (6, 9): row 0's hard negative stands for row 1's positive, and only row 1 spares it."""
    queries, docs, hard = circle(0, 0), circle(90, 60), circle(60, 120)
    labels = torch.tensor([[5, 6], [6, 9]])
    loss = MaskedMultipleNegativesRankingLoss(None, scale=2.0)
    value = loss.compute_loss_from_embeddings([queries, docs, hard], labels)
    # row 0: positive 0, others 1, 1, -1; row 1: positive 1, others 0, -1 (the 1 of the duplicate is spared)
    expected = (math.log(1 + 2 * math.e + 1 / math.e) + math.log(math.e + 1 + 1 / math.e) - 1) / 2
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize(("directions", "mode"), CHOICES)
@pytest.mark.parametrize("negatives", [0, 1, 2])
def test_equals_the_stock_loss_when_groups_are_distinct(directions, mode, negatives):
    """Value and gradient: the masks add, they do not change."""
    results = []
    for loss_class in (MaskedMultipleNegativesRankingLoss, MultipleNegativesRankingLoss):
        columns = [column.detach().requires_grad_() for column in embeddings(negatives)]
        loss = loss_class(None, directions=directions, partition_mode=mode)
        value = loss.compute_loss_from_embeddings(columns, torch.arange(4 * (1 + negatives)).reshape(4, -1))
        value.backward()
        results.append([value.detach(), *[column.grad for column in columns]])
    for mine, stock in zip(*results, strict=True):
        torch.testing.assert_close(mine, stock)


@pytest.mark.parametrize(("directions", "mode"), CHOICES)
def test_all_directions_are_masked(directions, mode):
    """With two rows of one group nothing is left but the positive, whatever the directions."""
    columns = [circle(0, 40), circle(60, 90)]
    loss = MaskedMultipleNegativesRankingLoss(None, directions=directions, partition_mode=mode)
    # doc_to_query repeats the positive in a joint softmax: log 2 over two directions, as in the stock loss
    floor = math.log(2) if directions == ALL else 0.0
    assert loss.compute_loss_from_embeddings(columns, torch.tensor([[3], [3]])).item() == pytest.approx(floor)


TEXTS = (["q1 a", "q2 a", "q3 b", "q4 a"], ["p1 a", "p2 a b", "p1 b", "p1 a"], ["n1 a", "p1 a", "n3 b", "n4"])
IDS = torch.tensor([[1, 11], [2, 1], [1, 13], [1, 14]])


def features(model):
    return [model.preprocess(list(column)) for column in TEXTS]


def value_and_gradient(loss, model, labels):
    model.zero_grad()
    value = loss(features(model), labels)
    value = torch.stack(list(value.values())).sum() if isinstance(value, dict) else value
    value.backward()
    return value.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("labels", [IDS, None])
@pytest.mark.parametrize("directions", [("query_to_doc",), ALL])
@pytest.mark.parametrize("mini_batch_size", [1, 3, 4])
def test_cached_equals_uncached(bert_folder, labels, directions, mini_batch_size):
    """Gradient caching changes the memory, not the loss; every direction is masked in every mini-batch."""
    model = SentenceTransformer(str(bert_folder), device="cpu")
    loss = MaskedMultipleNegativesRankingLoss(model, directions=directions)
    value, gradient = value_and_gradient(loss, model, labels)
    cached = CachedMaskedMultipleNegativesRankingLoss(model, mini_batch_size=mini_batch_size, directions=directions)
    other_value, other_gradient = value_and_gradient(cached, model, labels)
    torch.testing.assert_close(value, other_value)
    torch.testing.assert_close(gradient, other_gradient, atol=5e-6, rtol=1e-4)
    stock = value_and_gradient(MultipleNegativesRankingLoss(model, directions=directions), model, None)[0]
    assert (value.item() < stock.item()) == (labels is not None)
    assert cached.similarity_fct is loss.similarity_fct is cos_sim


@pytest.mark.parametrize("cached", [False, True])
def test_matryoshka(bert_folder, cached):
    """The wrapper hands truncated embeddings on, with the labels untouched."""
    model = SentenceTransformer(str(bert_folder), device="cpu")
    mine, stock = (
        (CachedMaskedMultipleNegativesRankingLoss, CachedMultipleNegativesRankingLoss)
        if cached
        else (MaskedMultipleNegativesRankingLoss, MultipleNegativesRankingLoss)
    )
    texts = [["q1 a", "q2 a", "q3 b"], ["p1 a", "p2 b", "p3 a"]]

    def value(loss, labels):
        wrapped = MatryoshkaLoss(model, loss, [16, 8])
        model.zero_grad()
        result = wrapped([model.preprocess(column) for column in texts], labels)
        result.backward()
        return result.detach(), model[0].auto_model.embeddings.word_embeddings.weight.grad.clone()

    apart, together = torch.tensor([[4], [5], [6]]), torch.tensor([[5], [5], [6]])
    torch.testing.assert_close(value(mine(model), apart), value(stock(model), None))
    assert value(mine(model), together)[0] < value(mine(model), apart)[0]


def test_bad_labels(static_model):
    """A score column is no id, and a wrong mask would go unnoticed."""
    model = static_model()
    columns = [model.preprocess(["q1", "q2"]), model.preprocess(["p1", "p2"])]
    loss = MaskedMultipleNegativesRankingLoss(model)
    for labels in (torch.tensor([0.5, 1.0]), torch.tensor([3, 4]), torch.tensor([[1, 2], [3, 4]])):
        with pytest.raises(ValueError, match=r"labels must be ids.*shape \(batch, 1\)"):
            loss(columns, labels)
    with pytest.raises(ValueError, match="at least 2"):
        loss(columns[:1], None)


def test_hardness_weighting_is_the_hosts(bert_folder):
    """Options of the host's loss keep their effect; what is spared is not weighted back in."""
    model = SentenceTransformer(str(bert_folder), device="cpu")
    options = {"hardness_mode": "all_negatives", "hardness_strength": 5.0}
    weighted = value_and_gradient(MaskedMultipleNegativesRankingLoss(model, **options), model, IDS)[0]
    assert weighted > value_and_gradient(MaskedMultipleNegativesRankingLoss(model), model, IDS)[0]
    assert torch.isfinite(weighted)

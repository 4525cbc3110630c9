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

from st_hybrid_batch import CachedMaskedRankingLoss, MaskedRankingLoss  # noqa: E402
from st_hybrid_batch.text_keys import text_keys  # noqa: E402
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
    loss = MaskedRankingLoss(None, scale=2.0)
    value = loss.compute_loss_from_embeddings([queries, docs], torch.tensor([0, 1])).item()
    # cosines 1/2 and 0, scaled to 1 and 0: -log(e / (e + 1)) for row 0, -log(1 / (e + 1)) for row 1
    assert value == pytest.approx(math.log(math.e + 1) - 0.5)


def test_a_translation_of_the_positive_is_spared():
    """Equal labels: each row's only candidate is its positive, so the loss is 0 and nothing is pushed."""
    queries, docs = circle(0, 0), circle(60, 90)
    loss = MaskedRankingLoss(None).compute_loss_from_embeddings([queries, docs], torch.tensor([7, 7]))
    loss.backward()
    assert loss.item() == 0.0
    assert docs.grad.abs().max() < 1e-12


def test_only_that_candidate_is_spared():
    """Three rows, 0 and 2 parallel: row 0 sees its own passage and row 1's."""
    queries, docs = circle(0, 0, 0), circle(60, 90, 60)
    loss = MaskedRankingLoss(None, scale=2.0)
    value = loss.compute_loss_from_embeddings([queries, docs], torch.tensor([0, 1, 0])).item()
    outer, inner = math.log(math.e + 1) - 1, math.log(2 * math.e + 1)
    assert value == pytest.approx((2 * outer + inner) / 3)


def test_a_duplicate_is_spared_in_every_column():
    """Keys (5, 6) and negatives (6, 9): row 0's hard negative is row 1's positive, so row 1 spares it."""
    queries, docs, hard = circle(0, 0), circle(90, 60), circle(60, 120)
    labels = torch.tensor([[0, 5, 6], [1, 6, 9]])
    value = MaskedRankingLoss(None, scale=2.0).compute_loss_from_embeddings([queries, docs, hard], labels)
    # row 0: positive 0, others 1, 1, -1; row 1: positive 1, others 0, -1 (the 1 of the duplicate is spared)
    expected = (math.log(1 + 2 * math.e + 1 / math.e) + math.log(math.e + 1 + 1 / math.e) - 1) / 2
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize(("directions", "mode"), CHOICES)
@pytest.mark.parametrize("negatives", [0, 1, 2])
def test_equals_the_stock_loss_when_groups_are_distinct(directions, mode, negatives):
    """Value and gradient: the masks add, they do not change."""
    results = []
    for loss_class in (MaskedRankingLoss, MultipleNegativesRankingLoss):
        columns = [column.detach().requires_grad_() for column in embeddings(negatives)]
        loss = loss_class(None, directions=directions, partition_mode=mode)
        value = loss.compute_loss_from_embeddings(columns, torch.arange(4))
        value.backward()
        results.append([value.detach(), *[column.grad for column in columns]])
    for mine, stock in zip(*results, strict=True):
        torch.testing.assert_close(mine, stock)


@pytest.mark.parametrize(("directions", "mode"), CHOICES)
def test_all_directions_are_masked(directions, mode):
    """With two rows of one group nothing is left but the positive, whatever the directions."""
    columns = [circle(0, 40), circle(60, 90)]
    loss = MaskedRankingLoss(None, directions=directions, partition_mode=mode)
    # doc_to_query repeats the positive in a joint softmax: log 2 over two directions, as in the stock loss
    floor = math.log(2) if directions == ALL else 0.0
    assert loss.compute_loss_from_embeddings(columns, torch.tensor([3, 3])).item() == pytest.approx(floor)


TEXTS = (["q1 a", "q2 a", "q3 b", "q4 a"], ["p1 a", "p2 a b", "p1 b", "p1 a"], ["n1 a", "p1 a", "n3 b", "n4"])


def features(model):
    return [model.preprocess(list(column)) for column in TEXTS]


def value_and_gradient(loss, model, labels):
    model.zero_grad()
    value = loss(features(model), labels)
    value.backward()
    return value.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("labels", [torch.tensor([1, 2, 1, 4]), torch.tensor([1, 2, 3, 4]), None])
@pytest.mark.parametrize("mini_batch_size", [1, 3, 4])
def test_cached_equals_uncached(bert_folder, labels, mini_batch_size):
    """Gradient caching changes the memory, not the loss; labels and texts masked alike."""
    model = SentenceTransformer(str(bert_folder), device="cpu")
    value, gradient = value_and_gradient(MaskedRankingLoss(model), model, labels)
    cached = CachedMaskedRankingLoss(model, mini_batch_size=mini_batch_size)
    other_value, other_gradient = value_and_gradient(cached, model, labels)
    torch.testing.assert_close(value, other_value)
    torch.testing.assert_close(gradient, other_gradient, atol=1e-6, rtol=1e-4)


def test_texts_are_recognised(bert_folder):
    """Rows 0 and 3 have the same positive, and it is row 1's hard negative: both lower the loss."""
    model = SentenceTransformer(str(bert_folder), device="cpu")
    masked = MaskedRankingLoss(model)(features(model), torch.arange(4))
    stock = MultipleNegativesRankingLoss(model)(features(model), torch.arange(4))
    assert masked.item() < stock.item()
    apart = [model.preprocess([f"{text} {row}" for row, text in enumerate(column)]) for column in TEXTS[:2]]
    torch.testing.assert_close(
        MaskedRankingLoss(model)(apart, torch.arange(4)), MultipleNegativesRankingLoss(model)(apart, None)
    )


@pytest.mark.parametrize("cached", [False, True])
def test_matryoshka(bert_folder, cached):
    """The wrapper hands truncated embeddings on, with the labels untouched."""
    model = SentenceTransformer(str(bert_folder), device="cpu")
    mine, stock = (
        (CachedMaskedRankingLoss, CachedMultipleNegativesRankingLoss)
        if cached
        else (MaskedRankingLoss, MultipleNegativesRankingLoss)
    )
    texts = [["q1 a", "q2 a", "q3 b"], ["p1 a", "p2 b", "p3 a"]]

    def value(loss, labels):
        wrapped = MatryoshkaLoss(model, loss, [16, 8])
        model.zero_grad()
        result = wrapped([model.preprocess(column) for column in texts], labels)
        result.backward()
        return result.detach(), model[0].auto_model.embeddings.word_embeddings.weight.grad.clone()

    torch.testing.assert_close(value(mine(model), torch.arange(3)), value(stock(model), None))
    assert value(mine(model), torch.tensor([5, 5, 6]))[0] < value(mine(model), torch.arange(3))[0]


def test_matryoshka_with_as_many_dimensions_as_columns(static_model):
    """Labels as wide as the embedding are truncated by the wrapper: ours stay one number a row."""
    model = static_model()
    loss = MatryoshkaLoss(model, MaskedRankingLoss(model), [8, 4])
    columns = [model.preprocess([f"{kind}{row} a" for row in range(8)]) for kind in "qp"]
    assert torch.isfinite(loss(columns, torch.arange(8)))


def test_text_keys_are_equal_for_equal_texts(bert_folder, static_model):
    """Padding, its side and the bag layout must not matter; order and length must."""
    tokenizer = SentenceTransformer(str(bert_folder), device="cpu").tokenizer
    texts = ["p1 a", "p2 a b q1", "p1 a", "a p1", ""]
    for side in ("left", "right"):
        tokenizer.padding_side = side
        one = text_keys(tokenizer(texts, padding=True, return_tensors="pt"))
        other = text_keys(tokenizer(texts[:1], padding="max_length", max_length=16, return_tensors="pt"))
        assert one[0] == one[2] == other[0]
        assert len(set(one.tolist())) == 4
    bags = text_keys(static_model().preprocess(texts))
    assert bags[0] == bags[2]
    assert len(set(bags.tolist())) == 4
    assert text_keys({"sentence_embedding": torch.zeros(2, 3)}) is None


def test_flattened_inputs_have_keys():
    """Flash attention packs a batch into one row."""
    packed = {"input_ids": torch.tensor([[5, 6, 5, 6, 7]]), "cu_seq_lens_q": torch.tensor([0, 2, 4, 5])}
    keys = text_keys(packed)
    assert keys[0] == keys[1] != keys[2]


def test_bad_labels(static_model):
    """A score column is no group, and a wrong mask would go unnoticed."""
    model = static_model()
    columns = [model.preprocess(["q1", "q2"]), model.preprocess(["p1", "p2"])]
    with pytest.raises(ValueError, match=r"labels must be one integer a row.*score column"):
        MaskedRankingLoss(model)(columns, torch.tensor([0.5, 1.0]))
    with pytest.raises(ValueError, match="at least an anchor and a positive"):
        MaskedRankingLoss(model)(columns[:1], None)


def test_config_for_the_model_card(static_model):
    """The card names what the loss was given, and nothing it has not."""
    config = MaskedRankingLoss(static_model(), scale=30.0).get_config_dict()
    assert config["scale"] == 30.0
    assert not [key for key in config if "hardness" in key]

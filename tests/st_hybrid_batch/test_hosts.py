"""All four trainers of sentence-transformers: sampler, data set, masked loss and evaluator in each."""

import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")

import sentence_transformers as st  # noqa: E402
from sentence_transformers.sentence_transformer.modules import Pooling, Router, Transformer  # noqa: E402
from sentence_transformers.sparse_encoder.losses import (  # noqa: E402
    CachedSpladeLoss,
    SparseMultipleNegativesRankingLoss,
    SpladeLoss,
)
from sentence_transformers.util import dot_score  # noqa: E402

import st_hybrid_batch as plugin  # noqa: E402
from st_hybrid_batch import HybridBatches, ParallelDataset, ParallelEvaluator  # noqa: E402
from tests.st_hybrid_batch.helpers import make_group  # noqa: E402


def splade(model, **_):
    inner = plugin.MaskedMultipleNegativesRankingLoss(model, scale=1.0, similarity_fct=dot_score)
    return SpladeLoss(model, inner, document_regularizer_weight=1e-3)


HOSTS = {
    "SentenceTransformer": plugin.MaskedMultipleNegativesRankingLoss,
    "SparseEncoder": splade,
    "MultiVectorEncoder": plugin.MaskedMultiVectorMultipleNegativesRankingLoss,
    "CrossEncoder": plugin.MaskedCrossEncoderMultipleNegativesRankingLoss,
}


@pytest.fixture(scope="module")
def build(bert_folder):
    """A fresh tiny model of a kind, on call."""

    def make(host):
        torch.manual_seed(0)
        if host == "SparseEncoder":
            from sentence_transformers.sparse_encoder.modules import SpladePooling

            transformer = Transformer(str(bert_folder))
            return st.SparseEncoder(modules=[transformer, SpladePooling("max", embedding_dimension=16)], device="cpu")
        options = {"num_labels": 1} if host == "CrossEncoder" else {}
        return getattr(st, host)(str(bert_folder), device="cpu", **options)

    return make


@pytest.mark.parametrize("host", HOSTS)
def test_trains_and_evaluates(host, build, tmp_path):
    """Hybrid batches with hard negatives through the stock trainer: the loss falls, the evaluator scores."""
    model = build(host)
    groups = [make_group(number, negatives=1) for number in range(16)]
    parallel = ParallelDataset.from_groups(groups)
    args = getattr(st, f"{host}TrainingArguments")(
        output_dir=str(tmp_path),
        batch_sampler=HybridBatches(),
        per_device_train_batch_size=8,
        per_device_eval_batch_size=8,
        num_train_epochs=15,
        learning_rate=1e-2,
        logging_steps=10,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    evaluator = ParallelEvaluator(groups[:4], name="dev", languages=["a", "b"])
    trainer = getattr(st, f"{host}Trainer")(
        model=model,
        args=args,
        train_dataset=parallel,
        eval_dataset=parallel,
        loss=HOSTS[host](model),
        evaluator=evaluator,
    )
    before = evaluator(model)
    trainer.train()
    history = trainer.state.log_history
    losses = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    assert losses[-1] < losses[0]
    scores = [entry for entry in history if "eval_dev_mono_map" in entry]
    assert all(0 < entry["eval_dev_multi_map"] <= 1 for entry in scores)
    if host != "CrossEncoder":  # sixteen groups are learned by heart; a cross encoder of one layer takes longer
        assert scores[-1]["eval_dev_mono_map"] > before["dev_mono_map"]


def test_the_default_loss_of_cross_encoders_is_refused(build, tmp_path):
    """Without loss= the trainer takes binary cross entropy and reads ids as relevance."""
    args = st.CrossEncoderTrainingArguments(
        output_dir=str(tmp_path), batch_sampler=HybridBatches(), report_to="none", use_cpu=True
    )
    parallel = ParallelDataset.from_groups([make_group(number) for number in range(16)])
    trainer = st.CrossEncoderTrainer(model=build("CrossEncoder"), args=args, train_dataset=parallel)
    with pytest.raises(ValueError, match=r"BinaryCrossEntropyLoss reads the label as a score"):
        trainer.train()


def columns(model, *texts):
    return [model.preprocess(list(column)) for column in texts]


@pytest.mark.parametrize("cached", [False, True])
def test_equal_passages_cost_nothing_inside_splade_loss(build, cached):
    """Two questions on one passage: the stock loss asks to rank the passage above itself, log 2."""
    model = build("SparseEncoder")
    wrapper, options = (CachedSpladeLoss, {"mini_batch_size": 1}) if cached else (SpladeLoss, {})
    texts = columns(model, ["q1 a", "q1 a"], ["p1 a", "p1 a"])
    values = []
    for inner in (
        plugin.MaskedMultipleNegativesRankingLoss(model, scale=1.0, similarity_fct=dot_score),
        SparseMultipleNegativesRankingLoss(model),
    ):
        loss = wrapper(model, inner, document_regularizer_weight=0.0, **options)
        values.append(loss(texts, torch.tensor([[7], [7]]))["base_loss"].item())
    assert values == pytest.approx([0.0, 0.693147], abs=1e-5)


@pytest.mark.parametrize("options", [{}, {"score_mini_batch_size": 1}])
def test_late_interaction(build, options):
    """Without an id in common the host's loss; what is spared lowers it; caching changes neither value nor gradient."""
    model = build("MultiVectorEncoder")
    texts = (["q1 a", "q2 b", "q3 a"], ["p1 a", "p2 b", "p1 a"], ["n1", "p1 a", "n3 b"])
    spared, apart = torch.tensor([[1, 4], [2, 1], [1, 5]]), torch.arange(6).reshape(3, 2)

    def value(loss, labels):
        model.zero_grad()
        result = loss(columns(model, *texts), labels)
        result.backward()
        return result.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]

    from sentence_transformers.multi_vector_encoder.losses import MultiVectorMultipleNegativesRankingLoss

    masked = plugin.MaskedMultiVectorMultipleNegativesRankingLoss(model, **options)
    cached = plugin.CachedMaskedMultiVectorMultipleNegativesRankingLoss(model, mini_batch_size=2, **options)
    stock = MultiVectorMultipleNegativesRankingLoss(model, **options)
    torch.testing.assert_close(value(masked, apart), value(stock, None))
    torch.testing.assert_close(value(masked, spared), value(cached, spared), atol=1e-6, rtol=1e-4)
    assert value(masked, spared)[0] < value(stock, None)[0]


@pytest.mark.parametrize("cached", [False, True])
def test_cross_encoders_draw_no_answer_as_a_negative(build, cached):
    """Every pair that the model scores beyond the positives is of another id, hard negatives included."""
    model = build("CrossEncoder")
    name = "Masked" if not cached else "CachedMasked"
    loss = getattr(plugin, f"{name}CrossEncoderMultipleNegativesRankingLoss")(model, num_negatives=2)
    texts = [["q1", "q2", "q3"], ["p1 a", "p2 a", "p1 b"], ["n1", "p1 a", "n3"]]
    ids = [torch.tensor(row) for row in ([1, 4], [2, 1], [1, 5])]
    pairs = []
    preprocess = model.preprocess
    model.preprocess = lambda inputs, **options: pairs.extend(inputs) or preprocess(inputs, **options)
    for _ in range(20):
        loss(texts, ids)
    scored = {tuple(pair) for pair in pairs}
    with torch.no_grad():  # an evaluation is the same every time
        assert len({loss(texts, [torch.tensor([row, row + 3]) for row in range(3)]).item() for _ in range(8)}) == 1
    # q1 and q3 share their answer: neither its translation nor row 2's hard negative is drawn for them
    assert {p for q, p in scored if q == "q1"} == {"p1 a", "p2 a", "n1", "n3"}
    assert {p for q, p in scored if q == "q2"} == {"p2 a", "p1 a", "p1 b", "n1", "n3"}
    assert torch.isfinite(loss(texts, [torch.tensor([1, 1])] * 3))  # nothing left but the positives


def test_router_models_use_their_own_routes(bert_folder, build):
    """The passage encoder must matter: with it inverted, everything relevant ranks last."""
    torch.manual_seed(0)
    transformer = Transformer(str(bert_folder))
    pooling = Pooling(transformer.get_embedding_dimension())

    class Inverted(torch.nn.Module):
        def forward(self, features, **_):
            return {**features, "sentence_embedding": -features["sentence_embedding"]}

    texts = [{"a": f"p{number}"} for number in range(12)]
    evaluator = ParallelEvaluator([plugin.Group(text["a"], text, text) for text in texts], name="dev")
    scores = []
    for extra in ([], [Inverted()]):
        router = Router.for_query_document([transformer, pooling], [transformer, pooling, *extra])
        scores.append(evaluator(st.SentenceTransformer(modules=[router], device="cpu"))["dev_multi_map"])
    assert scores[0] == 1.0 and scores[1] < 0.2

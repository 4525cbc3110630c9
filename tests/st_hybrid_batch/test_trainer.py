"""With the stock trainer, in one process."""

import logging

import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")

from sentence_transformers import (  # noqa: E402
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from transformers import EarlyStoppingCallback  # noqa: E402

from st_hybrid_batch import (  # noqa: E402
    HybridBatches,
    LazyAdamW,
    Linear,
    MaskedMultipleNegativesRankingLoss,
    ParallelDataset,
    ParallelEvaluator,
    hybrid_callbacks,
    read_settings,
    use_sparse_gradients,
)
from tests.st_hybrid_batch.helpers import make_group  # noqa: E402


@pytest.fixture(scope="module")
def parallel():
    return ParallelDataset.from_groups(make_group(number) for number in range(64))


def trainer_for(model, parallel, folder, settings=None, callbacks=None, **changes):
    given = {
        "num_train_epochs": 3,
        "per_device_train_batch_size": 8,
        "learning_rate": 0.05,
        "logging_steps": 4,
        "save_steps": 5,
        "seed": 3,
    }
    rest = {
        name: changes.pop(name) for name in ("evaluator", "optimizer_cls_and_kwargs", "eval_dataset") if name in changes
    }
    args = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        batch_sampler=settings or HybridBatches(),
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **(given | changes),
    )
    loss = MaskedMultipleNegativesRankingLoss(model)
    callbacks = hybrid_callbacks(loss) if callbacks is None else callbacks
    return SentenceTransformerTrainer(
        model=model, args=args, train_dataset=parallel, loss=loss, callbacks=callbacks, **rest
    )


def test_trains_logs_and_saves(static_model, parallel, tmp_path):
    """Monolingual and cross-lingual losses in the logs; settings in checkpoint, output folder and model card."""
    model = static_model()
    trainer = trainer_for(model, parallel, tmp_path)
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert logs[0]["loss_mono"] > logs[-1]["loss_mono"]
    settings = [trainer.callback_handler.train_dataloader.batch_sampler.setting(0, step) for step in range(4)]
    shares = [settings.count("mono") / 4, settings.count("cross") / 4]
    means = [logs[0].get("loss_mono", 0.0), logs[0].get("loss_cross", 0.0)]
    assert logs[0]["loss"] == pytest.approx(sum(s * m for s, m in zip(shares, means, strict=True)), abs=2e-4)
    assert read_settings(tmp_path) == read_settings(tmp_path / "checkpoint-5")
    assert read_settings(tmp_path).seed == 3
    model.save_pretrained(str(tmp_path / "model"))
    assert "HybridBatchSampler" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def recorded(trainer, monkeypatch):
    """The labels of every training batch, as the loss sees them."""
    seen = []
    forward = MaskedMultipleNegativesRankingLoss.forward

    def record(self, features, labels=None):
        if torch.is_grad_enabled():
            seen.append(labels.tolist())
        return forward(self, features, labels)

    monkeypatch.setattr(MaskedMultipleNegativesRankingLoss, "forward", record)
    return seen


@pytest.mark.parametrize("checkpoint", [5, 8, 15])
def test_resume_equals_an_uninterrupted_run(static_model, parallel, tmp_path, monkeypatch, checkpoint):
    """Within an epoch, at its end, and in a later one: same batches, same weights."""
    model = static_model()
    trainer = trainer_for(model, parallel, tmp_path, save_steps=1)
    whole = recorded(trainer, monkeypatch)
    trainer.train()
    batches, weights = list(whole), model[0].embedding.weight.detach().clone()
    again = static_model()
    trainer = trainer_for(again, parallel, tmp_path, save_steps=1000)
    rest = recorded(trainer, monkeypatch)
    trainer.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{checkpoint}"))
    assert rest == batches[checkpoint:]
    torch.testing.assert_close(again[0].embedding.weight.detach(), weights)


def test_resume_with_other_settings_is_refused(static_model, parallel, tmp_path):
    """Its batches would not be those of one run; the difference is named."""
    trainer_for(static_model(), parallel, tmp_path).train()
    checkpoint = str(tmp_path / "checkpoint-5")
    other = trainer_for(static_model(), parallel, tmp_path, HybridBatches(alpha=0.1))
    with pytest.raises(ValueError, match=r"alpha was 0\.5, is 0\.1"):
        other.train(resume_from_checkpoint=checkpoint)
    # as many groups and rows in as many languages, but one text is another
    changed = ParallelDataset.from_groups(make_group(number) for number in [*range(63), 100])
    with pytest.raises(ValueError, match="checkpoint was written with other batch settings: data was"):
        trainer_for(static_model(), changed, tmp_path).train(resume_from_checkpoint=checkpoint)


@pytest.mark.parametrize("workers", [0, 1])
def test_validation_is_a_mean_and_the_same_every_time(static_model, parallel, tmp_path, monkeypatch, workers):
    """eval_loss is the mean over the batches, at every evaluation, under a moving alpha and persistent workers, also
    of a data set that nobody said is for validation.

    The evaluator's metric picks the best checkpoint and stops.
    """
    seen = []
    loss_of = MaskedMultipleNegativesRankingLoss.compute_loss_from_embeddings

    def record(self, embeddings, labels=None):
        value = loss_of(self, embeddings, labels)
        if not torch.is_grad_enabled():
            seen.append(value.item())
        return value

    monkeypatch.setattr(MaskedMultipleNegativesRankingLoss, "compute_loss_from_embeddings", record)
    dev = [make_group(number) for number in range(33)]
    trainer = trainer_for(
        static_model(),
        parallel,
        tmp_path,
        HybridBatches(alpha=Linear(1.0, 0.0, 10)),
        callbacks=[EarlyStoppingCallback(1)],
        evaluator=ParallelEvaluator(dev, name="dev"),
        eval_dataset=ParallelDataset.from_groups(dev),
        eval_strategy="steps",
        eval_steps=5,
        learning_rate=0.0,
        per_device_eval_batch_size=16,
        load_best_model_at_end=True,
        metric_for_best_model="eval_dev_multi_map",
        dataloader_num_workers=workers,
        dataloader_persistent_workers=workers > 0,
    )
    trainer.train()
    assert trainer.state.global_step == 10  # nothing is learned: stops at the second evaluation
    entries = [entry for entry in trainer.state.log_history if "eval_dev_multi_map" in entry]
    assert len(seen) == 2 * 6 and seen[:6] == seen[6:]  # 3 monolingual batches and 3 cross-lingual ones
    for entry in entries:
        assert entry["eval_loss"] == pytest.approx(sum(seen[:6]) / 6, rel=1e-6)
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-5")


def test_losses_that_read_labels_as_scores_are_refused(static_model, parallel, tmp_path):
    """Without loss= the trainer takes CoSENT, which would train on ids as if they were similarities."""
    args = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path), batch_sampler=HybridBatches(), report_to="none", use_cpu=True
    )
    trainer = SentenceTransformerTrainer(model=static_model(), args=args, train_dataset=parallel)
    with pytest.raises(ValueError, match=r"CoSENTLoss reads the label as a score.*loss="):
        trainer.train()
    parts = trainer_for(static_model(), {"one": parallel, "two": parallel}, tmp_path)
    with pytest.raises(ValueError, match="not a DatasetDict: put all groups into one"):
        parts.train()


def test_a_validation_loss_of_each_language(static_model, parallel, tmp_path):
    """Validation sets by name, of one language each, have their own losses in the logs."""
    sets = {
        wanted: ParallelDataset(parallel.filter(lambda name, wanted=wanted: name == wanted, input_columns="language"))
        for wanted in ("a", "b")
    }
    trainer = trainer_for(
        static_model(),
        parallel,
        tmp_path,
        eval_dataset=sets,
        eval_strategy="steps",
        eval_steps=2,
        max_steps=2,
    )
    trainer.train()
    logged = {key for entry in trainer.state.log_history for key in entry}
    assert {"eval_a_loss", "eval_b_loss"} <= logged


def test_other_losses_that_read_labels(static_model, parallel, tmp_path):
    """Triplets by class, and losses within others, are refused too; one that reads no label is not."""
    from sentence_transformers.sentence_transformer import losses

    model = static_model()
    for loss in (losses.BatchAllTripletLoss(model), losses.MatryoshkaLoss(model, losses.CoSENTLoss(model), [8, 4])):
        trainer = trainer_for(model, parallel, tmp_path, max_steps=1)
        trainer.loss = loss
        with pytest.raises(ValueError, match="reads the label as a score or class"):
            trainer.train()
    trainer = trainer_for(model, parallel, tmp_path, max_steps=1)
    trainer.loss = losses.MultipleNegativesSymmetricRankingLoss(model)
    trainer.train()


def test_a_stream_has_no_hybrid_batches(static_model, tmp_path, caplog):
    """The trainers leave a batch sampler out for streams; the callbacks say so, and count nothing."""
    from datasets import Dataset

    stream = Dataset.from_dict({"query": ["q1", "q2"] * 8, "passage": ["p1", "p2"] * 8}).to_iterable_dataset()
    trainer = trainer_for(static_model(), stream, tmp_path, max_steps=2, num_train_epochs=1, logging_steps=1)
    trainer.train()
    assert [record.message for record in caplog.records if record.name.startswith("st_hybrid_batch")] == [
        "batches are not hybrid: batch_sampler= has no HybridBatches, or is ignored, as for streams"
    ]
    assert not any("loss_mono" in entry for entry in trainer.state.log_history)


def test_gradient_accumulation_and_settings(static_model, parallel, tmp_path):
    """Two batches a step: each is counted under its own setting, also after a resume."""
    changes = {"gradient_accumulation_steps": 2, "logging_steps": 1, "save_steps": 3}
    trainer = trainer_for(static_model(), parallel, tmp_path, **changes)
    trainer.train()
    sampler = trainer.callback_handler.train_dataloader.batch_sampler

    def expected(step):
        epoch, update = divmod(step - 1, 4)
        return {f"loss_{sampler.setting(epoch, 2 * update + half)}" for half in (0, 1)}

    def check(history, first):
        logs = [entry for entry in history if "loss" in entry and entry["step"] >= first]
        assert logs and all(
            {key for key in entry if key.startswith("loss_")} == expected(entry["step"]) for entry in logs
        )

    check(trainer.state.log_history, 1)
    again = trainer_for(static_model(), parallel, tmp_path, **changes)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    check(again.state.log_history, 7)


def test_a_loss_that_is_not_the_trainers_is_refused(static_model, parallel, tmp_path):
    """A loss within is computed several times a batch, which would be counted as so many batches."""

    class Twice(torch.nn.Module):
        def __init__(self, loss):
            super().__init__()
            self.model, self.loss = loss.model, loss

        def forward(self, features, labels):
            columns = list(features)
            return self.loss(columns, labels) + self.loss(columns, labels)

    trainer = trainer_for(static_model(), parallel, tmp_path)
    trainer.loss = Twice(trainer.loss)
    with pytest.raises(ValueError, match=r"computed 2 times for 1 batches: give the callback.*the outermost one"):
        trainer.train()


def test_prompts_and_workers(bert_folder, parallel, tmp_path):
    """A transformer with prompts by column and two workers."""
    from st_hybrid_batch import CachedMaskedMultipleNegativesRankingLoss

    model = SentenceTransformer(str(bert_folder), device="cpu")
    small = ParallelDataset.from_groups(make_group(number) for number in range(32))
    args = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path),
        batch_sampler=HybridBatches(),
        prompts={"query": "q1 ", "passage": "p1 "},
        dataloader_num_workers=2,
        per_device_train_batch_size=8,
        num_train_epochs=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    loss = CachedMaskedMultipleNegativesRankingLoss(model, mini_batch_size=4)
    trainer = SentenceTransformerTrainer(
        model=model, args=args, train_dataset=small, loss=loss, callbacks=hybrid_callbacks(loss)
    )
    trainer.train()
    assert trainer.state.global_step == 4


def test_sparse_gradients_learn(static_model, parallel, tmp_path):
    """Under the stock trainer's defaults: decay, clipping, accumulation, checkpoints."""
    model = static_model()
    use_sparse_gradients(model)
    optimizer = {"optimizer_cls_and_kwargs": (LazyAdamW, {"lr": 0.05}), "settings": HybridBatches(alpha=1.0)}
    trainer = trainer_for(model, parallel, tmp_path, weight_decay=0.01, gradient_accumulation_steps=2, **optimizer)
    trainer.train()
    logs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert logs[-1] < logs[0]
    again = static_model()
    use_sparse_gradients(again)
    resumed = trainer_for(again, parallel, tmp_path, weight_decay=0.01, gradient_accumulation_steps=2, **optimizer)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
    torch.testing.assert_close(again[0].embedding.weight, model[0].embedding.weight)


def test_lazy_adamw_equals_adamw_where_every_row_occurs():
    """Sparse and dense gradients, decay included, give the weights of torch's AdamW."""
    torch.manual_seed(0)
    start = torch.randn(5, 3)
    options = {"lr": 0.1, "weight_decay": 0.1, "betas": (0.8, 0.9)}
    results = []
    for sparse, optimizer_class in ((True, LazyAdamW), (False, LazyAdamW), (False, torch.optim.AdamW)):
        bag = torch.nn.EmbeddingBag.from_pretrained(start.clone(), freeze=False, sparse=sparse)
        optimizer = optimizer_class(bag.parameters(), **options)
        for number in range(4):
            optimizer.zero_grad()
            ids = torch.arange(5).repeat(2)
            (bag(ids, torch.tensor([0, 3, 5])) ** (2 + number % 2)).sum().backward()
            optimizer.step()
        results.append(bag.weight.detach())
    torch.testing.assert_close(results[0], results[2])
    torch.testing.assert_close(results[1], results[2])


def test_lazy_adamw_leaves_other_rows_alone():
    """Rows that do not occur keep weight and moments: that is what makes a step cheap."""
    bag = torch.nn.EmbeddingBag(4, 2, sparse=True)
    before = bag.weight.detach().clone()
    optimizer = LazyAdamW(bag.parameters(), lr=0.1, weight_decay=0.5)
    bag(torch.tensor([1, 1]), torch.tensor([0])).sum().backward()
    assert torch.nn.utils.clip_grad_norm_(bag.parameters(), 1.0) == 0.0  # held back from the trainer's norm
    optimizer.step()
    assert (bag.weight.detach() != before).any(dim=1).tolist() == [False, True, False, False]


def test_a_second_optimizer_gets_the_gradients():
    """Two stages on one model: what the first stage's optimizer left behind must not take the second's gradients."""
    bag = torch.nn.EmbeddingBag(4, 2, sparse=True)
    first = LazyAdamW(bag.parameters(), lr=0.1)
    bag(torch.tensor([1]), torch.tensor([0])).sum().backward()
    first.step()
    second, before = LazyAdamW(bag.parameters(), lr=0.1), bag.weight.detach().clone()
    for _ in range(2):  # gradients of two passes are summed, once
        bag(torch.tensor([2]), torch.tensor([0])).sum().backward()
    second.step()
    assert (bag.weight.detach() != before).any(dim=1).tolist() == [False, False, True, False]
    assert second.state[bag.weight]["exp_avg"][2].tolist() == pytest.approx([0.2, 0.2])
    first.step()
    assert first.state[bag.weight]["step"] == 1  # nothing is left over for it


def test_another_kind_of_optimizer_gets_the_gradients():
    """When a LazyAdamW is gone, nothing holds gradients back from torch's own."""
    bag = torch.nn.EmbeddingBag(4, 2, sparse=True)
    LazyAdamW(bag.parameters())
    other, before = torch.optim.SparseAdam(list(bag.parameters()), lr=0.1), bag.weight.detach().clone()
    bag(torch.tensor([2]), torch.tensor([0])).sum().backward()
    other.step()
    assert (bag.weight.detach() != before).any(dim=1).tolist() == [False, False, True, False]


def test_lazy_adamw_takes_what_adamw_takes():
    """Frozen parameters, and groups that are added later."""
    bag, head = torch.nn.EmbeddingBag(4, 2, sparse=True), torch.nn.Linear(2, 1)
    head.weight.requires_grad_(False)
    optimizer, before = LazyAdamW(head.parameters(), lr=0.1), bag.weight.detach().clone()
    optimizer.add_param_group({"params": bag.parameters()})
    head(bag(torch.tensor([2]), torch.tensor([0]))).sum().backward()
    optimizer.step()
    assert (bag.weight.detach() != before).any(dim=1).tolist() == [False, False, True, False]


def test_sparse_gradients_need_a_static_model(bert_folder):
    """Anything else has no embedding bag to switch."""
    with pytest.raises(TypeError, match="StaticEmbedding"):
        use_sparse_gradients(SentenceTransformer(str(bert_folder), device="cpu"))


def test_logging_is_quiet(caplog, static_model, parallel, tmp_path):
    """No warning of ours in an ordinary run."""
    with caplog.at_level(logging.WARNING, logger="st_hybrid_batch"):
        trainer_for(static_model(), parallel, tmp_path, max_steps=2).train()
    assert not [record for record in caplog.records if record.name.startswith("st_hybrid_batch")]

"""The sampler as the trainer sees it."""

import hashlib
import json
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from st_hybrid_batch import (  # noqa: E402
    Cosine,
    HybridBatches,
    HybridBatchSampler,
    Linear,
    ParallelDataset,
)
from tests.st_hybrid_batch.helpers import make_group  # noqa: E402


def sampler_of(dataset, batch_size, seed=0, validation=None, **settings):
    return HybridBatchSampler(dataset, batch_size, seed=seed, settings=HybridBatches(**settings), validation=validation)


@pytest.fixture(scope="module")
def parallel():
    return ParallelDataset.from_groups(make_group(number) for number in range(97))


def test_length_is_exact(parallel):
    """An overestimate hangs a distributed run, an underestimate ends it early."""
    for world_size in (1, 2, 3):
        sampler = sampler_of(parallel, 8, world_size=world_size)
        batches = list(sampler)
        assert len(batches) == len(sampler) == 97 // (8 * world_size) * world_size
        assert {len(batch) for batch in batches} == {8}


def test_a_step_depends_on_the_epoch_alone(parallel):
    """Resuming anywhere relies on it: not on what was drawn before. The data set holds the epoch."""
    used, fresh = (sampler_of(parallel, 4, seed=5, world_size=2, coverage=3000) for _ in range(2))
    list(used)
    parallel.set_epoch(3)
    batches = list(used)
    fresh.set_epoch(3)
    assert list(fresh) == batches
    fresh.set_epoch(0)
    assert next(iter(fresh)) != batches[0]
    backwards = [fresh._drawer.block(3, number)[0].tolist() for number in (2, 0)]
    flat = [query for batch in batches for query, _ in batch]
    assert backwards[1][0] == flat[:8] and backwards[0][0] == flat[2 * 1024 * 8 :][:8]


def test_ranks_share_setting_language_and_no_passage(parallel):
    """Consecutive batches go to the ranks of one step: all mono or all cross, one language, disjoint groups."""
    sampler = sampler_of(parallel, 5, world_size=4)
    batches = list(sampler)
    for step in range(sampler.steps):
        rows = [pair for batch in batches[4 * step : 4 * step + 4] for pair in batch]
        languages = [parallel.row_languages(side) for side in zip(*rows, strict=True)]
        assert len({query // 3 for query, _ in rows}) == 20
        mono = {query == passage for query, passage in zip(*languages, strict=True)}
        assert mono == {sampler.setting(0, step) == "mono"}
        assert len(set(languages[0])) == 1 or sampler.setting(0, step) == "cross"


def test_validation_is_the_same_under_every_alpha_epoch_and_seed(parallel):
    """A validation loss is compared with those of other epochs and trainings; every group is in it."""
    schedules = (0.0, 1.0, Linear(1.0, 0.0, 10.0))
    seen = []
    for epoch, alpha in enumerate(schedules):
        sampler = sampler_of(parallel, 8, seed=epoch, validation=True, alpha=alpha, world_size=2)
        sampler.set_epoch(epoch)
        seen.append(list(sampler))
        assert len(sampler) == len(seen[-1]) == sampler.steps * 2
    assert seen[0] == seen[1] == seen[2]
    pairs = [pair for batch in seen[0] for pair in batch]
    assert {query // 3 for query, passage in pairs if query == passage} == set(range(97))
    assert {query // 3 for query, passage in pairs if query != passage} == set(range(97))
    parallel.set_epoch(0)


@pytest.mark.parametrize(("languages", "batch_size"), [(["a", "abc"], 4), (["ab", "c", "abc", "b"], 3)])
def test_a_validation_yields_what_is_drawn(languages, batch_size):
    """A cross-lingual batch that begins with a group of one language is cross-lingual all the same."""
    groups = [make_group(number, languages[number % len(languages)]) for number in range(23)]
    dev = ParallelDataset.from_groups(groups)
    sampler = sampler_of(dev, batch_size, validation=True)
    for step, batch in enumerate(sampler):
        queries, passages = (dev.row_languages(side) for side in zip(*batch, strict=True))
        several = [len(languages[int(dev.data["group"][query].as_py()[1:]) % len(languages)]) > 1 for query, _ in batch]
        differ = [query != passage for query, passage in zip(queries, passages, strict=True)]
        assert differ == (several if sampler.setting(0, step) == "cross" else [False] * batch_size)


def test_few_validation_groups_are_one_batch():
    """Fewer groups than a batch has rows are validated on together: the first evaluation is no place to fail."""
    dev = ParallelDataset.from_groups(make_group(number) for number in range(5))
    assert [len(batch) for batch in sampler_of(dev, 8, validation=True)] == [5, 5]
    assert [len(batch) for batch in sampler_of(dev, 8, validation=True, world_size=2)] == [2] * 8
    with pytest.raises(ValueError, match=r"6 processes, that is 48 distinct groups, but the data set has 5"):
        sampler_of(dev, 8, validation=True, world_size=6)


def test_settings_pickle_and_go_through_json():
    """The trainer pickles its arguments; the model keeps the settings as JSON."""
    for alpha in (0.3, Linear(0.0, 1.0, 2.0), Cosine(1.0, 0.5)):
        settings = HybridBatches(alpha=alpha, languages={"a": 1.0}, pairing="batch", coverage=7, seed=4)
        assert pickle.loads(pickle.dumps(settings)) == settings
        assert HybridBatches.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_only_our_schedules_are_read():
    """A model folder from elsewhere must not choose which code is imported."""
    with pytest.raises(ValueError, match=r"unknown alpha schedule 'os:system'; expected one of cosine, linear"):
        HybridBatches.from_dict({"alpha": {"schedule": "os:system", "epochs": 1.0}})


def test_settings_make_the_sampler(parallel):
    """The trainer calls the settings with its own seed; a seed of their own comes first."""
    assert HybridBatches()(parallel, 4, False, [], None, 9).seed == 9
    assert HybridBatches()(parallel, 4, False, [], torch.Generator().manual_seed(9)).seed == 9  # as in release 6.0
    assert HybridBatches(seed=3)(parallel, 4, False, [], None, 9).seed == 3


def test_coverage(parallel):
    """An epoch is the number of groups, of rows, or a number of steps."""
    steps = [sampler_of(parallel, 10, coverage=coverage).steps for coverage in ("groups", "rows", 3)]
    assert steps == [9, 29, 3]


@pytest.mark.parametrize("alpha", [-0.1, 1.5, "half", True, float("nan")])
def test_alpha_outside_its_range(alpha):
    """Alpha is a probability; anything else is refused by name."""
    with pytest.raises(ValueError, match=r"alpha is the probability.*\[0, 1\]"):
        HybridBatches(alpha=alpha)


@pytest.mark.parametrize(("kind", "numbers"), [(Linear, (0, 2)), (Cosine, (-1, 1)), (Linear, (0, 1, 0))])
def test_bad_schedules(kind, numbers):
    """Schedules are checked when made, not in the third epoch."""
    with pytest.raises(ValueError, match="schedule's"):
        kind(*numbers)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pairing": "rows"}, "pairing must be one of 'row', 'batch'"),
        ({"coverage": 0}, "coverage must be"),
        ({"coverage": "all"}, "coverage must be"),
        ({"world_size": 0}, "world_size must be"),
        ({"world_size": 1.5}, "world_size must be"),
        ({"seed": 1.5}, "seed must be"),
    ],
)
def test_bad_settings(changes, told):
    """Each setting names what it expects."""
    with pytest.raises(ValueError, match=told):
        HybridBatches(**changes)


def test_unknown_settings_in_json():
    """A misspelt key in a file must not fall back to the default."""
    with pytest.raises(ValueError, match=r"unknown settings.*alfa"):
        HybridBatches.from_dict({"alfa": 0.3})


def test_batch_larger_than_the_data(parallel):
    """Distinct groups cannot fill it; the message names both numbers."""
    with pytest.raises(ValueError, match=r"50 rows on each of 2 processes, that is 100.*has 97"):
        sampler_of(parallel, 50, world_size=2)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.shuffle(seed=1),
        lambda data: data.select(range(30)),
        lambda data: data.filter(lambda group: group != "g0", input_columns="group"),  # a copy of its class
        lambda data: data.with_format("torch"),  # shows the collator language and group as texts
        lambda data: data.remove_columns("label"),
    ],
)
def test_a_changed_dataset_is_refused(parallel, change):
    """Rows would be paired by numbers that are not theirs, or hidden columns trained on; it is made one again."""
    with pytest.raises(TypeError, match=r"got a (Parallel)?Dataset that.*ParallelDataset\(dataset\)"):
        HybridBatchSampler(change(parallel), 4)
    few = ParallelDataset(parallel.filter(lambda group: group != "g0", input_columns="group"))
    assert {row["query"] for batch in HybridBatchSampler(few, 4) for row in few.__getitems__(batch)} <= set(
        few["query"]
    )
    assert HybridBatchSampler(pickle.loads(pickle.dumps(parallel)), 4).steps == 24


def test_workers_do_not_change_the_batches(parallel):
    """Batches are drawn in the main process, whatever the number of workers."""
    from torch.utils.data import DataLoader

    seen = []
    for workers in (0, 2):
        sampler = HybridBatchSampler(parallel, 8)
        loader = DataLoader(parallel, batch_sampler=sampler, num_workers=workers, collate_fn=list)
        seen.append([[(row["query"], row["passage"]) for row in batch] for batch in loader])
    assert seen[0] == seen[1]
    assert np.shape(seen[0]) == (12, 8, 2)


@pytest.mark.parametrize(
    ("whole", "batch_size", "settings", "expected"),
    [
        (True, 8, {}, "f62a5fdc41dd396a"),
        (True, 8, {"alpha": 0.0, "world_size": 2}, "575d6b87cd2f5915"),
        (True, 16, {"alpha": Cosine(1.0, 0.0, 4), "languages": {"a": 2, "b": 1}}, "2e992b63553d0fb1"),
        (False, 8, {}, "694d4036c34d6c96"),
        (False, 8, {"pairing": "batch", "alpha": 0.25, "languages": "size"}, "864e43ae74d34f71"),
        (False, 4, {"coverage": "rows", "languages": 2.0, "world_size": 3}, "1b300d1a25f0410e"),
        (False, 6, {"coverage": 5000, "alpha": Linear(0.2, 0.9), "seed": 11}, "ab63766cfcd1a9cb"),
        (True, 7, None, "c2beb22d4529f459"),
        (False, 7, None, "defdc7328d4c6831"),
    ],
)
def test_batches_are_those_of_earlier_releases(whole, batch_size, settings, expected):
    """A seed means the same rows in the same batches, or kept results could not be had again (None: validation)."""
    if whole:
        groups = [make_group(number) for number in range(301)]
    else:
        subsets = ["abc", "ab", "c", "bc", "abc", "a"]
        shared = {number: f"p{number // 3}" for number in range(0, 600, 5)}
        groups = [make_group(number, subsets[number % 6], shared.get(number)) for number in range(600)]
    dataset = ParallelDataset.from_groups(groups)
    drawn = HybridBatches(**(settings or {}))
    sampler = HybridBatchSampler(dataset, batch_size, seed=7, settings=drawn, validation=settings is None)
    digest = hashlib.blake2b(digest_size=8)
    for epoch in (0, 3):
        sampler.set_epoch(epoch)
        for batch in sampler:
            digest.update(np.array(batch).tobytes())
    assert digest.hexdigest() == expected

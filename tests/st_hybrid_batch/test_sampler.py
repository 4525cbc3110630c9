"""The sampler as the trainer sees it."""

import pickle

import numpy as np
import pytest

datasets = pytest.importorskip("datasets")

from st_hybrid_batch import (  # noqa: E402
    Cosine,
    HybridBatches,
    HybridBatchSampler,
    Linear,
    OfProgress,
    ParallelDataset,
)
from tests.st_hybrid_batch.helpers import make_group  # noqa: E402


def alpha_of(progress: float) -> float:
    return progress


@pytest.fixture(scope="module")
def parallel():
    return ParallelDataset.from_groups(make_group(number) for number in range(97))


def test_length_is_exact(parallel):
    """An overestimate hangs a distributed run, an underestimate ends it early."""
    for world_size in (1, 2, 3):
        sampler = HybridBatchSampler(parallel, 8, world_size=world_size)
        batches = list(sampler)
        assert len(batches) == len(sampler) == 97 // (8 * world_size) * world_size
        assert {len(batch) for batch in batches} == {8}


def test_a_step_can_be_drawn_alone(parallel):
    """Resuming anywhere relies on it: no step depends on the ones before."""
    sampler = HybridBatchSampler(parallel, 4, world_size=2, seed=5, coverage=3000)
    sampler.set_epoch(3)
    batches = list(sampler)
    fresh = HybridBatchSampler(parallel, 4, world_size=2, seed=5, coverage=3000)
    for number in (0, 1, 2047, 2048, 5999):
        assert fresh.batch(3, number // 2, number % 2) == batches[number]


def test_ranks_share_kind_language_and_no_group(parallel):
    """Consecutive batches go to the ranks of one step: one kind, one language, disjoint groups."""
    sampler = HybridBatchSampler(parallel, 5, world_size=4)
    batches = list(sampler)
    for step in range(sampler.steps):
        rows = [pair for batch in batches[4 * step : 4 * step + 4] for pair in batch]
        places = [(parallel.row_group(query), parallel.row_group(passage)) for query, passage in rows]
        assert len({query[0] for query, _ in places}) == 20
        kinds = {query[1] == passage[1] for query, passage in places}
        assert kinds == {sampler.kind(0, step) == "mono"}
        if sampler.kind(0, step) == "mono":
            assert len({query[1] for query, _ in places}) == 1


def test_settings_pickle_and_go_through_json():
    """The trainer pickles its arguments; the model keeps the settings as JSON."""
    for alpha in (0.3, Linear(0.0, 1.0, 2.0), Cosine(1.0, 0.5), OfProgress(alpha_of, 3.0)):
        settings = HybridBatches(alpha=alpha, languages={"a": 1.0}, pairing="batch", coverage=7, seed=4)
        assert pickle.loads(pickle.dumps(settings)) == settings
        if not isinstance(alpha, OfProgress):
            assert HybridBatches.from_dict(settings.to_dict()) == settings
        else:
            assert settings.to_dict()["alpha"]["function"].endswith(":alpha_of")


def test_settings_make_the_sampler(parallel):
    """The trainer calls the settings with its own seed; a seed of their own comes first."""
    assert HybridBatches()(parallel, 4, False, [], None, 9).seed == 9
    assert HybridBatches(seed=3)(parallel, 4, False, [], None, 9).seed == 3


def test_coverage(parallel):
    """An epoch is the number of groups, of rows, or a number of steps."""
    steps = [HybridBatchSampler(parallel, 10, coverage=coverage).steps for coverage in ("groups", "rows", 3)]
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


def test_a_lambda_is_no_schedule():
    """It could be neither pickled nor written down."""
    with pytest.raises(ValueError, match="top of a module"):
        OfProgress(lambda progress: progress)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pairing": "rows"}, "pairing must be one of 'row', 'batch'"),
        ({"coverage": 0}, "coverage must be"),
        ({"coverage": "all"}, "coverage must be"),
        ({"short_languages": "skip"}, "short_languages must be"),
        ({"world_size": 0}, "world_size must be"),
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
        HybridBatchSampler(parallel, 50, world_size=2)


def test_iterable_dataset():
    """The trainer would ignore the sampler without a word."""
    stream = datasets.IterableDataset.from_generator(lambda: iter([{"anchor": "a", "positive": "b"}]))
    with pytest.raises(TypeError, match=r"IterableDataset.*ParallelDataset\.from_groups"):
        HybridBatchSampler(stream, 4)


def test_ordinary_dataset(parallel):
    """After shuffle the view is an ordinary data set, which knows no groups."""
    with pytest.raises(TypeError, match="got a Dataset"):
        HybridBatchSampler(parallel.shuffle(seed=1), 4)


def test_workers_do_not_change_the_batches(parallel):
    """Batches are drawn in the main process, whatever the number of workers."""
    from torch.utils.data import DataLoader

    seen = []
    for workers in (0, 2):
        sampler = HybridBatchSampler(parallel, 8)
        loader = DataLoader(parallel, batch_sampler=sampler, num_workers=workers, collate_fn=list)
        seen.append([[(row["anchor"], row["positive"]) for row in batch] for batch in loader])
    assert seen[0] == seen[1]
    assert np.shape(seen[0]) == (12, 8, 2)

"""The distribution of what is drawn, on data small enough to count."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_hybrid_batch.alpha import Cosine, Linear
from st_hybrid_batch.draw import BatchDrawer, validation_batches
from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.sampler import HybridBatches

LANGUAGES = tuple("abc")


def index_of(masks, passages=None):
    masks = np.array(masks, dtype=np.uint64)
    distinct, sets = np.unique(masks, return_inverse=True)
    counts = np.bitwise_count(masks).astype(np.int64)
    ids = None if passages is None else np.asarray(passages, dtype=np.int32)
    return GroupIndex(LANGUAGES, distinct, sets, np.cumsum(counts) - counts, ids, int(counts.sum()))


def drawer(masks, passages=None, global_batch=4, seed=1, steps=None, **settings):
    settings = HybridBatches(**settings, coverage=steps or "groups")
    return BatchDrawer(index_of(masks, passages), settings, global_batch, seed)


def drawn(drawer, masks, epoch=0):
    """All draws of an epoch as (group, language): query and passage, ``(steps, batch, 2)``."""
    rows = [(group, bit) for group, mask in enumerate(masks) for bit in range(3) if mask >> bit & 1]
    blocks = [drawer.block(epoch, number) for number in range(-(-drawer.steps // drawer.block_steps))]
    query, passage = (np.concatenate(side) for side in zip(*blocks, strict=True))
    return np.array(rows)[query], np.array(rows)[passage]


@given(
    masks=st.lists(st.integers(1, 7), min_size=12, max_size=60),
    alpha=st.sampled_from([0.0, 0.3, 1.0]),
    pairing=st.sampled_from(["row", "batch"]),
    weights=st.sampled_from(["uniform", "size", 2.0]),
    seed=st.integers(0, 2**63),
)
@settings(max_examples=60, deadline=None)
def test_what_holds_for_every_batch(masks, alpha, pairing, weights, seed):
    """Same group on both sides, groups distinct, one language if mono, two if cross, one pair if by batch."""
    masks = masks + [7] * 8  # enough groups for every batch
    made = drawer(masks, alpha=alpha, pairing=pairing, languages=weights, seed=seed, steps=30)
    query, passage = drawn(made, masks)
    plan = made.plan(0)
    assert (query[..., 0] == passage[..., 0]).all()
    for step in range(made.steps):
        assert len(set(query[step, :, 0])) == 4
        pairs = set(zip(query[step, :, 1], passage[step, :, 1], strict=True))
        if plan.mono[step]:
            assert len(pairs) == 1 and all(one == other for one, other in pairs)
        else:
            assert all(one != other for one, other in pairs)
            assert pairing == "row" or len(pairs) == 1


def test_an_epoch_over_fully_parallel_data_sees_each_group_once():
    """Coverage: mono and cross batches of all languages share one pass."""
    masks = [7] * 400
    query, _ = drawn(drawer(masks), masks)
    assert sorted(query[..., 0].ravel()) == list(range(400))


def test_large_seeds_differ():
    """torch's own random seeds have 64 bits."""
    seeds = (2**63, 2**63 + 1, 2**64 - 1, -2)
    assert len({drawer([7] * 40, seed=seed).block(0, 0)[0].tobytes() for seed in seeds}) == len(seeds)


def test_epochs_and_seeds_differ():
    """A second epoch in the order of the first would teach the order."""
    first, other = drawer([7] * 400), drawer([7] * 400, seed=2)
    assert not np.array_equal(first.block(0, 0)[0], first.block(1, 0)[0])
    assert not np.array_equal(first.block(0, 0)[0], other.block(0, 0)[0])


def test_no_group_returns_before_the_others_had_their_turn():
    """In partly parallel data the batches of a language are a pass over its groups."""
    masks = [3] * 10 + [5] * 14
    made = drawer(masks, alpha=1.0, languages={"c": 1.0}, steps=3)
    query, _ = drawn(made, masks)
    assert len(set(query[..., 0].ravel())) == 12  # 14 groups with c, 3 batches of 4


def test_share_of_mono_batches_is_alpha():
    """Alpha is the paper's one parameter: 4000 batches, 4 standard deviations."""
    for alpha in (0.25, 0.5, 0.8):
        mono = drawer([7] * 16_000, alpha=alpha).plan(0).mono
        assert abs(mono.mean() - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / 4000)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
        ("size", [0.5, 0.25, 0.25]),
        (1.0, [0.5, 0.25, 0.25]),
        (2.0, [2**0.5, 1, 1]),
        ({"a": 3, "b": 1}, [0.75, 0.25, 0]),
    ],
)
def test_distribution_of_mono_languages(weights, expected):
    """Sizes are a 8000, b 4000, c 4000; the language of each batch follows the weights."""
    made = drawer([3] * 4000 + [5] * 4000, alpha=1.0, languages=weights, steps=6000)
    shares = np.bincount(made.plan(0).query, minlength=3) / 6000
    expected = np.array(expected) / np.sum(expected)
    assert np.abs(shares - expected).max() < 0.025


def test_distribution_of_pairs_by_row():
    """P(a, b) is proportional to weight(a) * weight(b): for 2, 1, 1 the pairs have 2/10 or 1/10."""
    masks = [7] * 8000
    made = drawer(masks, alpha=0.0, languages={"a": 2, "b": 1, "c": 1})
    query, passage = drawn(made, masks)
    counts = Counter(zip(query[..., 1].ravel().tolist(), passage[..., 1].ravel().tolist(), strict=True))
    assert set(counts) == {(one, other) for one in range(3) for other in range(3) if one != other}
    for (one, other), count in counts.items():
        assert abs(count / 8000 - (0.2 if 0 in (one, other) else 0.1)) < 0.02


def test_pairs_stay_within_a_groups_languages():
    """A group in two languages has just two ordered pairs, about equally often."""
    masks = [5] * 4000
    query, passage = drawn(drawer(masks, alpha=0.0), masks)
    counts = Counter(zip(query[..., 1].ravel().tolist(), passage[..., 1].ravel().tolist(), strict=True))
    assert set(counts) == {(0, 2), (2, 0)}
    assert abs(counts[0, 2] / 4000 - 0.5) < 0.04


def test_passages_are_distinct_in_a_batch():
    """Questions that share a passage are kept apart, all get their turn: 50 passages of 4 questions, batches of 20."""
    passages = np.repeat(np.arange(50), 4)
    masks = [7] * 200
    query, _ = drawn(drawer(masks, passages, global_batch=20, steps=10), masks)
    for step in range(10):
        assert len(set(passages[query[step, :, 0]])) == 20
    assert sorted(query[..., 0].ravel()) == list(range(200))


def test_every_question_of_a_passage_gets_its_turn():
    """Thirty questions on one passage, four batches: four of the thirty in each epoch, others in the next."""
    passages = np.concatenate(([0] * 30, np.arange(1, 31)))
    masks = [7] * 60
    made = drawer(masks, passages, global_batch=8, steps=4)
    shown = set()
    for epoch in range(60):
        groups = drawn(made, masks, epoch)[0][..., 0]
        assert all(len(set(passages[batch])) == 8 for batch in groups)
        shown |= {int(group) for group in groups.ravel() if group < 30}
    assert len(shown) == 30


def test_too_few_passages():
    """Two passages cannot fill a batch of eight without standing against themselves."""
    with pytest.raises(ValueError, match=r"distinct passages.*a \(40 groups\)"):
        drawer([7] * 40, np.repeat([0, 1], 20), global_batch=8, steps=5)


def test_validation_covers_every_group_in_both_settings():
    """Monolingual batches first, then cross-lingual ones; filled up at the end, never with one group twice."""
    masks = [7] * 30 + [3] * 11 + [4] * 5
    query, passage, mono = validation_batches(index_of(masks), 4)
    rows = np.array([(group, bit) for group, mask in enumerate(masks) for bit in range(3) if mask >> bit & 1])
    query, passage = rows[query], rows[passage]
    assert (query[..., 0] == passage[..., 0]).all()
    assert all(len(set(batch)) == 4 for batch in query[..., 0])
    assert set(query[:mono, :, 0].ravel()) == set(range(46)) and set(query[mono:, :, 0].ravel()) == set(range(41))
    assert all(len(set(batch)) == 1 for batch in query[:mono, :, 1]) and (query[:mono] == passage[:mono]).all()
    assert set(query[:mono, 0, 1]) == {0, 1, 2} and len(query) - mono == 11
    assert (query[mono:, :, 1] != passage[mono:, :, 1]).all()


@given(masks=st.lists(st.integers(1, 7), min_size=8, max_size=40), size=st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_validation_leaves_no_group_out(masks, size):
    """Also groups in the one language that fills no batch, and few parallel ones; no group is twice in a batch."""
    index = index_of(masks)
    query, passage, mono = validation_batches(index, size)
    rows = np.array([(group, bit) for group, mask in enumerate(masks) for bit in range(3) if mask >> bit & 1])
    query, passage = rows[query], rows[passage]
    assert set(query[..., 0].ravel()) == set(range(len(masks)))
    assert (query[..., 0] == passage[..., 0]).all() and all(len(set(batch)) == size for batch in query[..., 0])
    assert all(len({*batch[:, 1]}) == 1 for batch in query[:mono]) and (query[:mono] == passage[:mono]).all()
    parallel = np.bitwise_count(np.array(masks))[query[mono:, :, 0]] > 1
    assert ((query[mono:, :, 1] != passage[mono:, :, 1]) == parallel).all()


@pytest.mark.parametrize("alpha", [Linear(0.0, 1.0, epochs=2), Cosine(0.0, 1.0, epochs=2)])
def test_schedules_move_alpha(alpha):
    """Over two epochs from 0 to 1 the share of mono batches rises past one half after the first."""
    made = drawer([7] * 8000, alpha=alpha)
    early, late, after = (made.plan(epoch).mono.mean() for epoch in range(3))
    assert early < 0.35 and late > 0.65 and after == 1.0


def test_cross_is_impossible():
    """Rows whose groups were not linked would silently train monolingual batches only."""
    with pytest.raises(ValueError, match=r"no group has two of the languages.*alpha=1"):
        drawer([1, 2, 4] * 10)
    drawer([1, 2, 4] * 10, alpha=1.0)


def test_too_few_parallel_groups():
    """A cross batch needs as many parallel groups as rows."""
    with pytest.raises(ValueError, match="only 3 groups have two or more"):
        drawer([7] * 3 + [1] * 20, languages={"a": 1, "b": 1}, alpha=0.0)


def test_short_languages(caplog):
    """A language too small for a mono batch comes up in cross rows only, and that is said."""
    masks = [3] * 20 + [7] * 3
    made = drawer(masks, steps=400)
    assert "no monolingual batches for languages" in caplog.text and "c (3 groups)" in caplog.text
    _, passage = drawn(made, masks)
    assert set(made.plan(0).query[made.plan(0).mono].tolist()) == {0, 1}
    assert 2 in passage[~made.plan(0).mono][..., 1]


def test_unknown_language():
    """A typo in a language must not quietly drop it."""
    with pytest.raises(ValueError, match=r"unknown language 'bb'; the data has: "):
        drawer([7] * 20, languages={"a": 1, "bb": 1})


@pytest.mark.parametrize("weights", ["even", 0, -1.0, {"a": -1.0}, {"a": 0.0}, True, 0.001])
def test_bad_weights(weights):
    """Weights that name no distribution are refused; so is a temperature that no number can express."""
    with pytest.raises(ValueError, match=r"weights|languages must be|too low a temperature"):
        drawer([7] * 20, languages=weights)

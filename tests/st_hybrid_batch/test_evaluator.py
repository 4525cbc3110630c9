import numpy as np
import pytest

from st_hybrid_batch.evaluator import parallel_ranks, summarise
from st_hybrid_batch.group import Group
from tests.st_hybrid_batch.helpers import make_group


def brute_force(queries, passages, blocks, relevant):
    inside, pooled = np.zeros_like(relevant), np.zeros_like(relevant)
    scores = (queries @ passages.T).astype(np.float32)
    for q, own in np.ndindex(relevant.shape):
        if (target := relevant[q, own]) < 0:
            continue
        order = sorted(range(len(passages)), key=lambda p, row=scores[q]: (-row[p], -p))
        pooled[q, own] = 1 + order.index(target)
        inside[q, own] = 1 + [p for p in order if blocks[p] == own].index(target)
    return inside, pooled


def test_ranks_equal_a_sort():
    """Ranks by counting are those of sorting by score, then id, descending, ties included."""
    rng = np.random.default_rng(0)
    blocks = np.repeat([0, 1, 2], [5, 3, 7])
    passages = rng.integers(-1, 2, (15, 3)).astype(np.float32)
    queries = rng.integers(-1, 2, (12, 3)).astype(np.float32)
    relevant = np.stack([rng.integers(0, 5, 12), rng.integers(5, 8, 12), rng.integers(8, 15, 12)], axis=1)
    relevant[3, 1] = relevant[4, 0] = -1
    scores = queries @ passages.T
    got = parallel_ranks([scores[:5], scores[5:10], scores[10:]], np.array([0, 5, 8]), relevant)
    for mine, expected in zip(got, brute_force(queries, passages, blocks, relevant), strict=True):
        assert (mine == expected).all()


def test_summary_by_hand():
    """Two languages, one query each: ranks inside (1, 2) and (4, 1), in the pool (1, 4) and (6, 2)."""
    metrics = summarise(np.array([0, 1]), np.array([[1, 2], [4, 1]]), np.array([[1, 4], [6, 2]]))
    assert metrics["mono_map"] == 1.0
    assert metrics["cross_map"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    # average precisions (1/1 + 2/4) / 2 and (1/2 + 2/6) / 2
    assert metrics["multi_map"] == pytest.approx((0.75 + 5 / 12) / 2)
    assert metrics["rank_distance"] == (3 + 4) / 2


class OneHot:
    """Encodes a text as its group number, so that all parallel texts coincide."""

    def __init__(self):
        from types import SimpleNamespace

        self.seen: list[str] = []
        self.model_card_data = SimpleNamespace(set_evaluation_metrics=lambda *_: None)

    def encode_query(self, texts, prompt=None, **_):
        import torch

        self.seen += [(prompt or "") + text for text in texts]
        return torch.eye(10)[[int(text.split()[0][1:]) for text in texts]]

    encode_document = encode_query

    def similarity(self, queries, passages):
        return queries @ passages.T


def test_a_perfect_encoder():
    """Three languages: everything at the top, and the distance at its floor of 2."""
    from st_hybrid_batch import ParallelEvaluator

    evaluator = ParallelEvaluator([make_group(number) for number in range(6)], name="dev", query_prompt="Q: ")
    model = OneHot()
    metrics = evaluator(model)
    assert metrics == {
        "dev_mono_map": 1.0,
        "dev_cross_map": 1.0,
        "dev_multi_map": 1.0,
        "dev_rank_distance": 2.0,
    }
    assert evaluator.primary_metric in metrics
    assert "Q: q0 a" in model.seen and "p0 a" in model.seen


def test_shared_passages_are_once_in_the_corpus():
    """A passage put in twice would compete with itself."""
    from st_hybrid_batch import ParallelEvaluator

    groups = [Group(f"g{n}", {"a": f"q1 {n}", "b": f"q1 {n}"}, {"a": "p1", "b": "p1"}, {}, "x") for n in range(2)]
    evaluator = ParallelEvaluator(groups)
    assert evaluator.get_config_dict() == {"languages": ["a", "b"], "queries": 4, "passages": 2}
    assert evaluator(OneHot())["parallel_mono_map"] == 1.0


def test_paragraphs_cut_differently_are_both_in_the_corpus():
    """Two paragraphs of language b are one in a: each question is judged against its own."""
    from st_hybrid_batch import ParallelEvaluator

    groups = [
        Group("x", {"a": "q1", "b": "q1"}, {"a": "p5", "b": "p1"}, {}, "shared"),
        Group("y", {"a": "q2", "b": "q2"}, {"a": "p5", "b": "p2"}, {}, "shared"),
    ]
    evaluator = ParallelEvaluator(groups)
    assert evaluator._passages == ["p5", "p1", "p2"]
    assert evaluator._relevant.tolist() == [[0, 1], [0, 1], [0, 2], [0, 2]]


def test_one_language_has_no_cross_setting():
    """An undefined mean is left out, not zero."""
    from st_hybrid_batch import ParallelEvaluator

    evaluator = ParallelEvaluator([make_group(n, "a") for n in range(3)])
    assert set(evaluator(OneHot())) == {"parallel_mono_map", "parallel_multi_map"}
    assert evaluator.metrics == ("mono_map", "multi_map")
    both = ParallelEvaluator([make_group(0, "a"), make_group(1, "ab")])
    assert set(both(OneHot())) == {f"parallel_{name}" for name in both.metrics} and len(both.metrics) == 4


def test_languages_that_the_chosen_groups_lack():
    """Cut to few groups, what those have is scored; a language that no group has is a slip."""
    from st_hybrid_batch import ParallelEvaluator

    groups = [make_group(0, "ab"), make_group(1, "abc")]
    evaluator = ParallelEvaluator(groups, languages=["c", "a"], max_groups=1)
    assert evaluator.languages == ["a"]
    assert set(evaluator(OneHot())) == {"parallel_mono_map", "parallel_multi_map"}
    assert ParallelEvaluator(groups, languages=["c", "a"]).languages == ["a", "c"]


def test_a_model_that_has_diverged_is_not_the_best():
    """Nothing is above a score that is no number, and every passage would be the first."""
    scores = [np.full((2, 2), np.nan, dtype=np.float32)]
    with pytest.raises(ValueError, match=r"no numbers \(NaN\): it has diverged; lower the learning rate"):
        parallel_ranks(scores, np.array([0]), np.array([[0], [1]]))


def test_bad_input():
    """Named before any encoding."""
    from st_hybrid_batch import ParallelEvaluator

    with pytest.raises(ValueError, match="unknown language 'aa'; the data has: a, b, c"):
        ParallelEvaluator([make_group(0)], languages=["aa"])
    with pytest.raises(ValueError, match="nothing to score"):
        ParallelEvaluator([])
    with pytest.raises(ValueError, match="max_groups must be at least 1"):
        ParallelEvaluator([make_group(0)], max_groups=0)

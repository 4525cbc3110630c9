"""The methods, on vectors whose content and language are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from beir_hybrid.errors import NeutralizeError
from beir_hybrid.neutralize.geometry import METHODS, Vectors, language_means, language_share, refuse_few, shrunk
from beir_hybrid.neutralize.transform import Transform

RANDOM = np.random.default_rng(0)
CONTENT = RANDOM.normal(size=(40, 16)).astype(np.float32)
LANGUAGE = {"de": 3 * np.eye(16)[0], "en": 4 * np.eye(16)[1] + 1, "zh": 9 * np.eye(16)[2]}
VECTORS = {
    role: {language: (CONTENT + own + shift).astype(np.float32) for language, own in LANGUAGE.items()}
    for role, shift in (("query", 0.5), ("passage", 0.0))
}


@pytest.mark.parametrize("method", METHODS)
def test_means_of_all_languages_meet(method: str) -> None:
    """After each method almost none of the variance lies between languages, where it was most of it."""
    transform = Transform(METHODS[method](VECTORS, None), unit=False)
    for role, by_language in VECTORS.items():
        after = {language: transform(rows, role, language) for language, rows in by_language.items()}
        assert language_share(by_language) > 0.5
        assert language_share(after) < 0.02


def test_center_and_common_mean_leave_the_content() -> None:
    """Parallel texts become equal vectors; with the common mean the mean of all stays where it was."""
    for method, mean in (("center", 0 * CONTENT[0]), ("common-mean", None)):
        transform = Transform(METHODS[method](VECTORS, None), unit=False)
        after = [transform(rows, "passage", language) for language, rows in VECTORS["passage"].items()]
        np.testing.assert_allclose(after[0], after[1], atol=1e-5)
        np.testing.assert_allclose(after[0], after[2], atol=1e-5)
        expected = np.mean([rows.mean(0) for rows in VECTORS["passage"].values()], 0) if mean is None else mean
        np.testing.assert_allclose(after[0].mean(0), expected, atol=1e-5)


def test_project_is_linear_symmetric_and_the_same_for_every_text() -> None:
    """One projection for queries and passages of any language: it needs no language and no bias."""
    transform = Transform(METHODS["project"](VECTORS, None), unit=True)
    weight, bias = transform.matrix()
    assert not transform.needs_language
    assert bias is None
    np.testing.assert_allclose(weight, weight.T, atol=1e-6)
    np.testing.assert_allclose(weight @ weight, weight, atol=1e-5)
    assert np.linalg.matrix_rank(weight, tol=1e-3) == 16 - 4
    rows = VECTORS["query"]["de"]
    np.testing.assert_array_equal(transform(rows, "query", "de"), transform(rows, "passage", "never seen"))
    # what all languages share goes as well
    shared = np.mean([rows.mean(0) for rows in VECTORS["passage"].values()], 0)[None]
    assert np.linalg.norm(transform(shared, "passage")) < 0.1 * np.linalg.norm(shared - CONTENT.mean(0))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("language", ["zh", "never seen", None])
def test_matrix_says_what_the_transform_does(method: str, language: str | None) -> None:
    """The module that is written (weight and bias) and the transform of vectors in hand are the same map."""
    transform = Transform(METHODS[method](VECTORS, None), unit=False)
    rows = VECTORS["query"]["zh"]
    weight, bias = transform.matrix("query", language)
    np.testing.assert_allclose(transform(rows, "query", language), rows @ weight.T + (0 if bias is None else bias),
                               atol=1e-4)  # fmt: skip


@pytest.mark.parametrize("method", ["center", "common-mean", "lir"])
def test_unseen_language_gets_what_is_common_to_all(method: str) -> None:
    """A language without a mean loses the common mean (center), nothing (common-mean), the common directions (lir)."""
    transform = Transform(METHODS[method](VECTORS, None), unit=False)
    rows = VECTORS["passage"]["de"]
    common = np.mean([other.mean(0) for other in VECTORS["passage"].values()], 0)
    after = transform(rows, "passage", "never seen")
    np.testing.assert_array_equal(after, transform(rows, "passage", None))
    if method == "center":
        np.testing.assert_allclose(after, rows - common, atol=1e-5)
    elif method == "common-mean":
        np.testing.assert_allclose(after, rows, atol=1e-5)
    else:
        leading = np.linalg.svd(np.concatenate(list(VECTORS["passage"].values())), full_matrices=False)[2][0]
        np.testing.assert_allclose(after, rows - np.outer(rows @ leading, leading), atol=1e-4)


def test_lir_removes_each_languages_own_directions() -> None:
    """Two directions of German are the two leading right singular vectors of its vectors, not centred."""
    transform = Transform(METHODS["lir"](VECTORS, 2), unit=False)
    rows = VECTORS["passage"]["de"]
    leading = np.linalg.svd(rows, full_matrices=False)[2][:2]
    np.testing.assert_allclose(transform(rows, "passage", "de"), rows - rows @ leading.T @ leading, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_equal_vectors_stay_equal_wherever_they_stand(method: str) -> None:
    """Texts that tie before tie afterwards: no row depends on its place among others."""
    transform = Transform(METHODS[method](VECTORS, None), unit=True)
    row = VECTORS["passage"]["en"][:1]
    many = np.concatenate([RANDOM.normal(size=(n, 16)).astype(np.float32) if n else row for n in (5, 0, 31, 0, 2, 0)])
    after = transform(many, "passage", "en")
    alone = transform(row, "passage", "en")
    for place in (5, 37, 40):
        np.testing.assert_array_equal(after[place], alone[0])


def test_directions_beyond_what_the_texts_span_are_refused() -> None:
    """More directions than means (project) or than texts of a language (lir) say which number would do."""
    sizes = {role: {language: len(rows) for language, rows in some.items()} for role, some in VECTORS.items()}
    with pytest.raises(NeutralizeError, match=r"7 directions are more than the means of 3 languages span.*6 or less"):
        refuse_few(sizes, "project", 7)
    with pytest.raises(NeutralizeError, match=r"de has 40 query texts, fewer than the 41 directions"):
        refuse_few(sizes, "lir", 41)
    with pytest.raises(NeutralizeError, match="de has one query text; shrinking needs two"):
        refuse_few({"query": {"de": 1, "en": 3}}, "center", None, shrink=True)
    for fits in (("project", 6), ("lir", 40), ("center", None)):
        refuse_few(sizes, *fits, shrink=True)


def test_no_direction_is_removed_that_the_means_do_not_span() -> None:
    """Queries and passages encoded alike have one mean a language: three directions, and none of chance besides."""
    alike = {"query": VECTORS["passage"], "passage": VECTORS["passage"]}
    everywhere = METHODS["project"](alike, None).everywhere
    assert everywhere is not None
    assert len(everywhere) == 3
    with pytest.raises(NeutralizeError, match="vectors of all texts are zero"):
        METHODS["project"]({role: {x: 0 * rows for x, rows in some.items()} for role, some in alike.items()}, None)


def test_other_width_is_refused() -> None:
    """Vectors of another model's width are refused with both widths."""
    transform = Transform(METHODS["center"](VECTORS, None), unit=True)
    with pytest.raises(NeutralizeError, match=r"8 dimensions, but those that were neutralized have 16"):
        transform(np.ones((2, 8), dtype=np.float32), "query", "de")


def _column(*values: float) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32)[:, None]


def test_few_texts_shrink_each_mean_by_what_chance_explains() -> None:
    """Worked out by hand: chance 1 and 4, between languages 40.5 - 2.5; what differs within a language stays."""
    given: Vectors = {
        "passage": {"de": np.array([[0.0], [2.0]], np.float32), "en": np.array([[8.0], [12.0]], np.float32)}
    }
    moved = shrunk(given)
    means = language_means(moved)
    assert means["passage", "de"] == pytest.approx(1 + 4.5 * 1 / (1 + 38))
    assert means["passage", "en"] == pytest.approx(10 - 4.5 * 4 / (4 + 38))
    for language, rows in given["passage"].items():
        np.testing.assert_allclose(np.diff(moved["passage"][language], axis=0), np.diff(rows, axis=0), rtol=1e-6)


def test_shrinking_leaves_many_texts_and_ends_at_the_common_mean() -> None:
    many = {"query": {language: np.tile(rows, (50, 1)) for language, rows in VECTORS["query"].items()}}
    for language, mean in language_means(shrunk(many)).items():
        np.testing.assert_allclose(mean, language_means(many)[language], atol=0.01)
    alike: Vectors = {
        "query": {"de": np.array([[-1.0], [1.0]], np.float32), "en": np.array([[-0.9], [1.1]], np.float32)}
    }
    assert shrunk(alike)["query"]["de"].mean() == pytest.approx(0.05)

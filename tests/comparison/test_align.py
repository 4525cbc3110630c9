"""Which folders can be compared, and what the refusal of the others says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.comparison.align import align
from beir_hybrid.comparison.scores import load_per_query
from beir_hybrid.errors import ResultsError

MONO = {"mono:de": {"map": [1.0, 0.5, 0.0]}}
BOTH = {**MONO, "multi:de": {"map": [0.1, 0.2, 0.3]}}


def aligned(*folders: Path, **options: Any) -> Any:
    return align([load_per_query(folder) for folder in folders], **options)


def test_queries_are_paired_by_id(make_folder: Any) -> None:
    """The order of the rows in a file means nothing."""
    found = aligned(make_folder("a", MONO), make_folder("b", {"mono:de": {"map": [0.0, 0.1, 0.2]}}, shuffle=True))
    assert found.tasks[0].values["map"].tolist() == [[1.0, 0.5, 0.0], [0.0, 0.1, 0.2]]
    assert found.names == ("a", "b")


def test_settings_and_metrics_all_folders_have_are_compared(make_folder: Any) -> None:
    """What only one has measured is left out; asked for by name, it is an error that says who lacks it."""
    one, two = make_folder("a", BOTH), make_folder("b", {"mono:de": {"map": [1.0] * 3, "mrr": [1.0] * 3}})
    found = aligned(one, two)
    assert found.settings == ("mono",)
    assert found.metrics == ("map",)
    with pytest.raises(ResultsError, match=r"/b did not measure multi; all folders have: mono"):
        aligned(one, two, settings=["multi"])
    with pytest.raises(ResultsError, match=r"no setting in common: .*/c has multi"):
        aligned(two, make_folder("c", {"multi:de": {"map": [1.0]}}))


@pytest.mark.parametrize(("what", "value"), [("dataset", "other"), ("split", "dev")])
def test_other_data_are_refused(make_folder: Any, what: str, value: str) -> None:
    """Another data set or split: both are named."""
    one, two = make_folder("a", MONO), make_folder("b", MONO, **{what: value})
    with pytest.raises(ResultsError, match=rf"/a is of {what} '(toy|test)' and .*/b of '{value}'"):
        aligned(one, two)


def test_other_contents_of_the_same_name_are_refused(make_folder: Any) -> None:
    """A data set whose files changed between two evaluations."""
    one, two = (make_folder(name, MONO, inputs={"dataset_fingerprint": name}) for name in "ab")
    with pytest.raises(ResultsError, match=r"different contents of toy \(fingerprints a and b\)"):
        aligned(one, two)
    # with paragraphs or without, the questions are the same: that is a comparison worth making
    other = make_folder("c", MONO, inputs={"dataset_fingerprint": "c", "dataset_options": {"with_paragraph": True}})
    assert len(aligned(one, other).tasks) == 1


def test_pools_of_other_languages_are_refused(make_folder: Any) -> None:
    """A pool of two languages is another task than one of three; mono can still be compared."""
    one, two = make_folder("a", BOTH), make_folder("b", BOTH, inputs={"languages": ["de", "en", "fr"]})
    with pytest.raises(ResultsError, match=r"pools of .*/a and .*/b differ in fr.*leave multi out"):
        aligned(one, two)
    assert aligned(one, two, settings=["mono"]).settings == ("mono",)


def test_different_queries_are_named_and_intersected(make_folder: Any) -> None:
    """Two of three queries in common: refused naming the others, or compared on the two."""
    one = make_folder("a", MONO, overall={"peer": 0.5})
    two = make_folder("b", {"mono:de": {"map": [0.1, 0.2, 0.3]}}, queries=[1, 2, 7], overall={"peer": 0.4})
    message = r"queries of mono:de:de differ: 1 only in .*/a \(de-q0\), 1 only in .*/b \(de-q7\); --intersect"
    with pytest.raises(ResultsError, match=message):
        aligned(one, two)
    (task,) = aligned(one, two, intersect=True).tasks
    assert (task.query_ids, task.groups) == (("de-q1", "de-q2"), ("g1", "g2"))
    assert task.values["map"].tolist() == [[0.5, 0.0], [0.1, 0.2]]
    assert task.overall == {}, "what was measured over all queries is not known of two of them"
    with pytest.raises(ResultsError, match="no query of mono:de:de in common"):
        aligned(one, make_folder("c", MONO, queries=[7, 8, 9]), intersect=True)


def test_different_tasks_are_named_and_intersected(make_folder: Any) -> None:
    """A language only one folder has."""
    one, two = make_folder("a", MONO), make_folder("b", {**MONO, "mono:en": {"map": [1.0]}})
    with pytest.raises(ResultsError, match="differ in 1 task: mono:en:en; --intersect"):
        aligned(one, two)
    with pytest.raises(ResultsError, match="mono:en:en; give folders that were measured on the same"):
        aligned(one, two, intersect=None)  # fuse has no such option
    assert [task.key for task in aligned(one, two, intersect=True).tasks] == [("mono", "de", "de")]


def test_the_same_name_is_told_apart_by_folder(make_folder: Any) -> None:
    """Two folders of one name are shown with the end of their paths; one folder given twice is refused."""
    one, two = make_folder("x/out", MONO, name="bm25"), make_folder("y/out", MONO, name="bm25")
    other = make_folder("z", MONO, name="bm25")
    assert aligned(one, two, other).names == ("bm25 (x/out)", "bm25 (y/out)", "bm25 (z)")
    with pytest.raises(ResultsError, match=r"out and .*out are the same folder; name each folder once"):
        aligned(one, one.parent / ".." / "x" / "out")


def test_no_folder(make_folder: Any) -> None:
    """Nothing to compare."""
    with pytest.raises(ResultsError, match="no result folder was given"):
        align([])


def test_other_contents_of_a_file_that_both_read(make_folder: Any) -> None:
    """Folders of other languages have other fingerprints whatever they hold: what both read must be the same file."""

    def folder(name: str, languages: list[str], **digests: str) -> Any:
        # wherever the data stand on the machine
        files = [
            {"path": f"/{name}/data/{'x/' * len(name)}{path.replace('_', '/')}.json", "sha256": sha}
            for path, sha in digests.items()
        ]
        inputs = {"languages": languages, "dataset_fingerprint": name, "files": files}
        return load_per_query(make_folder(name, {"mono:de": {"map": [0.5]}}, inputs=inputs))

    one = folder("one", ["de", "en"], x_de="1", x_en="2")
    assert align([one, folder("two", ["de", "fr"], x_de="1", x_fr="3")]).tasks
    with pytest.raises(ResultsError, match=r"different contents of x/de.json of toy; evaluate both on the same files"):
        align([one, folder("three", ["de"], x_de="9")])
    assert align([one, folder("four", ["de"], y_de="9")]).tasks, "a file of another folder is another file"
    with pytest.raises(ResultsError, match="fingerprints one and five"):
        align([one, folder("five", ["de", "en"], x_de="1", x_en="2")])


def test_whether_something_was_left_out(make_folder: Any) -> None:
    """All queries and tasks of all folders, or not."""
    one = load_per_query(make_folder("one", {"mono:de": {"map": [0.5, 0.25]}}))
    two = load_per_query(make_folder("two", {"mono:de": {"map": [0.5]}}))
    three = load_per_query(make_folder("three", {"mono:de": {"map": [0.5, 0.5]}, "mono:en": {"map": [0.5]}}))
    assert align([one]).whole
    assert not align([one, two], intersect=True).whole
    assert not align([one, three], intersect=True).whole


def test_scores_that_results_do_not_tell_of_are_aligned_too(make_folder: Any) -> None:
    """Scores made of several folders may hold more than the record of one: what is said of nothing is no bound."""
    scores = [load_per_query(make_folder(name, MONO)) for name in "ab"]
    bare = [dataclasses.replace(each, results=dataclasses.replace(each.results, scores=[])) for each in scores]
    (task,) = align(bare).tasks
    assert (list(task.values), task.bounds) == (["map"], {})

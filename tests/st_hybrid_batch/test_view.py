import json
import pickle

import pytest

datasets = pytest.importorskip("datasets")

from st_hybrid_batch import Group, ParallelDataset  # noqa: E402
from tests.st_hybrid_batch.helpers import make_group  # noqa: E402


def test_pairs_join_question_and_passage():
    """Question from the first row; passage, negatives and label from the second."""
    view = ParallelDataset.from_groups(make_group(number, negatives=1) for number in range(3))
    assert view.column_names == ["anchor", "positive", "negative_1", "label"]
    assert view.__getitems__([(3, 5), (0, 0)]) == [
        {"anchor": "q1 a", "positive": "p1 c", "negative_1": "n1 c 0", "label": 1},
        {"anchor": "q0 a", "positive": "p0 a", "negative_1": "n0 a 0", "label": 0},
    ]


def test_integers_give_monolingual_pairs():
    """Stock samplers, model cards and the like index with integers."""
    view = ParallelDataset.from_groups(make_group(number) for number in range(3))
    assert view[4] == {"anchor": "q1 b", "positive": "p1 b", "label": 1}
    assert view.__getitems__([4]) == [view[4]]


def test_rows_know_group_and_language():
    """Partly parallel groups: rows are counted, not multiplied."""
    view = ParallelDataset.from_groups([make_group(0, "ca"), make_group(1, "b"), make_group(2, "abc")])
    assert view.languages == ("a", "c", "b")
    expected = [("g0", "a"), ("g0", "c"), ("g1", "b"), ("g2", "a"), ("g2", "c"), ("g2", "b")]
    assert [view.row_group(row) for row in range(len(view))] == expected
    assert [view[row]["anchor"] for row in range(len(view))] == [f"q{g[1:]} {lang}" for g, lang in expected]


def test_one_sided_languages_are_left_out(caplog):
    """A question without a passage in its language cannot be a row; that is said, not silent."""
    group = Group("x", {"a": "q", "b": "q"}, {"a": "p", "c": "p"})
    assert len(ParallelDataset.from_groups([group])) == 1
    assert "2 texts were left out" in caplog.text


def test_label_is_the_passage_group():
    """The loss masks by label: questions that share a passage must share it, others must not."""
    groups = [make_group(0, "a", "x"), make_group(1, "a"), make_group(2, "a", "x"), make_group(3, "a", "1")]
    labels = ParallelDataset.from_groups(groups)["label"][:]
    assert labels[0] == labels[2]
    assert len(set(labels)) == 3


def test_save_load_and_folder_agree(tmp_path):
    """Memory-mapped and in-memory views hold the same rows."""
    groups = [make_group(number, "abc"[: 1 + number % 3], negatives=2) for number in range(30)]
    view = ParallelDataset.from_groups(groups)
    view.save(tmp_path / "saved")
    built = ParallelDataset.from_groups(groups, folder=tmp_path / "built")
    for other in (ParallelDataset.load(tmp_path / "saved"), built, pickle.loads(pickle.dumps(built))):
        assert other[:] == view[:]
        assert other.languages == view.languages
        assert other.__getitems__([(1, 2)]) == view.__getitems__([(1, 2)])
    assert type(built.data).__name__ == "MemoryMappedTable"


def test_load_of_an_unfinished_folder(tmp_path):
    """A build that was killed leaves no view.json; its half must not be trained on."""
    with pytest.raises(FileNotFoundError, match="no complete parallel data set"):
        ParallelDataset.load(tmp_path)


def test_files_of_two_data_sets(tmp_path):
    """Texts and groups that do not belong together would pair strangers."""
    ParallelDataset.from_groups([make_group(0)]).save(tmp_path / "one")
    ParallelDataset.from_groups([make_group(0), make_group(1)]).save(tmp_path / "two")
    (tmp_path / "one" / "groups.arrow").write_bytes((tmp_path / "two" / "groups.arrow").read_bytes())
    with pytest.raises(ValueError, match="do not belong together"):
        ParallelDataset.load(tmp_path / "one")


def test_languages_are_chosen_and_checked():
    """Only the languages asked for; a typo is refused with the likely spelling."""
    groups = [make_group(number, "abc") for number in range(3)]
    assert ParallelDataset.from_groups(groups, languages=["c", "a"]).languages == ("c", "a")
    with pytest.raises(ValueError, match="unknown language 'aa'; did you mean 'a'"):
        ParallelDataset.from_groups(groups, languages=["aa"])


def test_negatives_must_be_even():
    """A missing negative cannot be filled in; the row is named."""
    groups = [make_group(0, negatives=2), make_group(1, negatives=1)]
    with pytest.raises(ValueError, match="1 hard negatives in 'a', expected 2"):
        ParallelDataset.from_groups(groups)
    assert "negative_2" not in ParallelDataset.from_groups(groups, negatives=1).column_names


def test_from_dataset_in_any_order():
    """Long form, unsorted: rows come out by group and language."""
    rows = {
        "gid": ["y", "x", "y", "x"],
        "lang": ["en", "de", "de", "en"],
        "question": ["qy en", "qx de", "qy de", "qx en"],
        "text": ["py en", "px de", "py de", "px en"],
        "doc": [7, 8, 7, 8],
    }
    view = ParallelDataset.from_dataset(
        datasets.Dataset.from_dict(rows),
        group="gid",
        language="lang",
        anchor="question",
        positive="text",
        passage_group="doc",
    )
    assert view["anchor"][:] == ["qy en", "qy de", "qx en", "qx de"]
    assert [view.row_group(row) for row in range(4)] == [("y", "en"), ("y", "de"), ("x", "en"), ("x", "de")]
    assert view["label"][:] == [0, 0, 1, 1]


def long_form(**changes):
    rows = {"group": [1, 1], "language": ["a", "b"], "anchor": ["q", "q"], "positive": ["p", "p"]}
    return datasets.Dataset.from_dict(rows | changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": ["x", "y"]}, r"columns \['source'\].*tokenise them as texts.*remove_columns"),
        ({"anchor": ["q", " "]}, "row 1: column 'anchor' is empty"),
        ({"positive": [None, "p"]}, "row 0: column 'positive' is empty"),
        ({"language": ["a", None]}, "row 1: column 'language' is missing"),
        ({"language": ["a", "a"]}, "group '1' is twice in 'a'"),
        ({"anchor": [1, 2]}, "holds int64, expected texts"),
    ],
)
def test_bad_datasets(changes, told):
    """Each message names the row or column and what to do."""
    with pytest.raises(ValueError, match=told):
        ParallelDataset.from_dataset(long_form(**changes))


def test_from_iterable_dataset():
    """Rows are drawn by number; the message says what to build instead."""
    with pytest.raises(TypeError, match="from_generator"):
        ParallelDataset.from_dataset(long_form().to_iterable_dataset())


def test_extra_column_in_a_stored_table(tmp_path):
    """A column slipped into the files would be trained on as a text."""
    import pyarrow as pa

    ParallelDataset.from_groups([make_group(0, "a")]).save(tmp_path)
    table = pa.table({"anchor": ["q"], "positive": ["p"], "source": ["s"], "label": [0]})
    with pa.ipc.new_stream(str(tmp_path / "texts.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(ValueError, match=r"tokenises every column.*remove \['source'\]"):
        ParallelDataset.load(tmp_path)
    assert json.loads((tmp_path / "view.json").read_text())["languages"] == ["a"]

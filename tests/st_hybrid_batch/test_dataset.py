"""The data set: rows and pairs, ids of texts, and what is made of changed or unusable data."""

import importlib
import json
import pickle
import sys

import numpy as np
import pytest

datasets = pytest.importorskip("datasets")

from st_hybrid_batch import Group, ParallelDataset, read_jsonl, read_mmarco  # noqa: E402
from st_hybrid_batch.dataset import source_digest  # noqa: E402
from tests.st_hybrid_batch.helpers import ids_of, make_group  # noqa: E402


def test_pairs_join_question_and_passage():
    """Question from the first row; passage, negatives and label from the second. Nothing else reaches the collator."""
    parallel = ParallelDataset.from_groups(make_group(number, negatives=1) for number in range(3))
    (cross, mono) = parallel.__getitems__([(3, 5), (0, 0)])
    assert list(cross) == ["query", "passage", "negative_1", "label"]
    assert (cross["query"], cross["passage"], cross["negative_1"]) == ("q1 a", "p1 c", "n1 c 0")
    assert (mono["query"], mono["passage"]) == ("q0 a", "p0 a")
    assert cross["label"] == ids_of(parallel)[5]
    assert parallel.__getitems__([4]) == [parallel[4]]


def test_rows_know_group_and_language():
    """Partly parallel groups: rows are counted, not multiplied; language and group are ordinary columns."""
    parallel = ParallelDataset.from_groups([make_group(0, "ca"), make_group(1, "b"), make_group(2, "abc")])
    assert parallel.languages == ("a", "b", "c") and parallel.n_groups == 3
    expected = [("g0", "a"), ("g0", "c"), ("g1", "b"), ("g2", "a"), ("g2", "b"), ("g2", "c")]
    assert parallel.row_languages(range(6)) == [language for _, language in expected]
    assert parallel.data.column("group").to_pylist() == [group for group, _ in expected]
    assert [row["query"] for row in parallel] == [f"q{group[1:]} {language}" for group, language in expected]
    kept = ParallelDataset(parallel.filter(lambda language: language != "b", input_columns="language"))
    assert kept.languages == ("a", "c") and len(kept) == 4


def test_equal_texts_translations_and_answers_of_one_question_have_one_id():
    """One id for all that answers the same: no text of them may be taken for a negative of another."""
    groups = [
        Group("one", {"a": "Q1", "b": "q1"}, {"a": "P1", "b": "p1"}, {"a": ["P3"], "b": ["else"]}),
        Group("two", {"a": "Q2"}, {"a": "P1"}, {"a": ["else"]}),  # the passage of group one in language a
        Group("three", {"b": "q3"}, {"b": "p3"}, {"b": ["p1"]}),  # hard negative: the positive of groups one and two
        Group("four", {"a": "Q4", "b": "q3"}, {"a": "P3", "b": "p4"}, {"a": ["P1"], "b": ["P1"]}),  # question of three
        Group("five", {"a": "P1"}, {"a": "Q1"}, {"a": ["else"]}),  # its question is a passage elsewhere: no matter
    ]
    positive, negative = np.array(ids_of(ParallelDataset.from_groups(groups))).T
    one_a, one_b, two, three, four_a, four_b, five = range(7)
    assert positive[one_a] == positive[one_b] == positive[two]
    assert positive[three] == positive[four_a] == positive[four_b] != positive[one_a]
    assert positive[five] not in positive[:5]
    assert negative[one_a] == positive[three]  # P3 stands for group four, whose question is group three's
    assert negative[three] == negative[four_a] == negative[four_b] == positive[one_a]
    assert negative[one_b] == negative[two] == negative[five] not in positive


def test_passage_groups_share_an_id():
    """A name given to a passage links questions whose texts have nothing in common; a name is no text."""
    groups = [make_group(0, "a", "x"), make_group(1, "a"), make_group(2, "a", "x"), make_group(3, "a", "p1 a")]
    ids = [label[0] for label in ids_of(ParallelDataset.from_groups(groups))]
    assert ids[0] == ids[2] and len(set(ids)) == 3


def write(path, count, suffix=""):
    groups = [make_group(number, "abc"[: 1 + number % 3], negatives=2) for number in range(count)]
    records = [
        {"id": g.id, "query": dict(g.query), "passage": dict(g.passage), "negatives": dict(g.negatives)} for g in groups
    ]
    path.write_text("".join(json.dumps(record) + suffix + "\n" for record in records), encoding="utf-8")
    return groups


def test_on_disk_equals_in_memory_and_changed_files_are_new_data(tmp_path):
    """The file's digest is among the arguments that are cached by: no stale rows, no second writing of equal ones."""
    path, cache = tmp_path / "groups.jsonl", tmp_path / "cache"
    groups = write(path, 30)

    def build():
        return ParallelDataset.from_generator(read_jsonl, {"path": str(path)}, cache_dir=cache)

    built, memory = build(), ParallelDataset.from_groups(groups)
    files = sorted(cache.rglob("*.arrow"))
    for other in (built, build(), pickle.loads(pickle.dumps(built)), pickle.loads(pickle.dumps(memory))):
        assert other[:] == memory[:] and other.languages == memory.languages and other.epoch == 0
        assert other.__getitems__([(1, 2)]) == memory.__getitems__([(1, 2)])
        assert other.digest() == memory.digest()
    assert sorted(cache.rglob("*.arrow")) == files and len(files) == 2  # texts, and labels beside them
    write(path, 31)
    assert build().n_groups == 31
    built.save_to_disk(str(tmp_path / "saved"))
    again = ParallelDataset(datasets.load_from_disk(str(tmp_path / "saved")))
    assert again[:] == memory[:] and again.digest() == memory.digest()


def test_readers_errors_are_the_readers_own(tmp_path):
    """path:line, not 'an error occurred while generating the dataset'."""
    (tmp_path / "bad.jsonl").write_text("[1]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad.jsonl:1: expected an object"):
        ParallelDataset.from_generator(read_jsonl, {"path": str(tmp_path / "bad.jsonl")}, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="got no groups"):
        ParallelDataset.from_groups([])


def test_how_it_is_kept_does_not_matter(tmp_path):
    """Cut into other chunks, joined, or with class labels for languages, the data are the same to a resumed run."""
    path = tmp_path / "groups.jsonl"
    groups = write(path, 1500)
    built = ParallelDataset.from_generator(read_jsonl, {"path": str(path)}, cache_dir=tmp_path)
    memory = ParallelDataset.from_groups(groups)
    assert len(built.data.column("query").chunks) != len(memory.data.column("query").chunks)
    parts = [ParallelDataset.from_groups(groups[:700]), ParallelDataset.from_groups(groups[700:])]
    joined = ParallelDataset(datasets.concatenate_datasets(parts))
    numbered = datasets.Dataset(memory.data, fingerprint="numbered")
    codes = ["abc".index(name) for name in numbered["language"]]
    feature = datasets.Features({"language": datasets.ClassLabel(names=["a", "b", "c"])})
    numbered = datasets.concatenate_datasets(
        [numbered.remove_columns("language"), datasets.Dataset.from_dict({"language": codes}, features=feature)], axis=1
    )
    numbered = ParallelDataset(numbered)
    for other in (memory, joined, numbered):
        assert other.digest() == built.digest() and other.languages == built.languages
    assert numbered.row_languages([0, 1, 2]) == built.row_languages([0, 1, 2]) == ["a", "a", "b"]


def test_only_what_a_reader_reads_is_watched(tmp_path, monkeypatch):
    """A split that is called as a folder is, such as the one that is trained into, is no source."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "groups.jsonl", 3)
    (tmp_path / "train").mkdir()
    made = []
    for _ in range(2):
        made.append(ParallelDataset.from_generator(read_jsonl, {"path": "groups.jsonl"}, cache_dir="train"))
        (tmp_path / "train" / "new").touch()
    assert made[0].cache_files == made[1].cache_files
    (tmp_path / "corpus").mkdir()
    assert source_digest(read_mmarco, {"folder": "corpus", "languages": ["de"]}) != source_digest(
        read_mmarco, {"folder": "train", "languages": ["de"]}
    )
    assert source_digest(read_jsonl, {"path": "groups.jsonl", "split": "train"}) == source_digest(
        read_jsonl, {"path": "groups.jsonl", "split": "dev"}
    )


def test_a_reader_that_was_mended_is_read_anew(tmp_path, monkeypatch):
    """`datasets` takes a function of a module for the same as long as it has its name."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for text in ("before", "mended"):
        code = f"from st_hybrid_batch import Group\ndef read():\n    yield Group('1', {{'a': '{text}'}}, {{'a': '.'}})"
        (tmp_path / "own_reader.py").write_text(code, encoding="utf-8")
        sys.modules.pop("own_reader", None)
        read = importlib.import_module("own_reader").read
        assert ParallelDataset.from_generator(read, cache_dir=tmp_path / "cache")["query"][:] == [text]


def test_data_sets_that_differ_have_other_digests():
    """Equal counts are not enough: other languages, other texts, other ids."""
    one = [make_group(0, "ab"), make_group(1, "abc"), make_group(2, "c")]
    two = [make_group(0, "ab"), make_group(1, "abc"), make_group(2, "a")]
    three = [make_group(0, "ab"), make_group(3, "abc"), make_group(2, "c")]
    four = [make_group(0, "ab", "x"), make_group(1, "abc", "x"), make_group(2, "c")]
    digests = {ParallelDataset.from_groups(groups).digest() for groups in (one, two, three, four)}
    assert len(digests) == 4


def test_what_is_left_out_is_said_and_what_is_asked_for_is_checked(caplog):
    """A question without a passage in its language is no row; a misspelt language is refused."""
    group = Group("x", {"a": "q", "b": "q"}, {"a": "p", "c": "p"})
    assert len(ParallelDataset.from_groups([group])) == 1
    assert "2 texts were left out" in caplog.text
    groups = [make_group(number, "abc") for number in range(3)]
    assert ParallelDataset.from_groups(groups, languages=["c", "a"]).languages == ("a", "c")
    with pytest.raises(ValueError, match="unknown language 'aa'; the data has: a"):
        ParallelDataset.from_groups(groups, languages=["aa"])


def test_negatives_must_be_even(caplog):
    """A missing negative cannot be filled in, the row is named; what is left out by the first row's number is said."""
    groups = [make_group(0, negatives=2), make_group(1, negatives=1)]
    with pytest.raises(ValueError, match="1 hard negatives in 'a', expected 2"):
        ParallelDataset.from_groups(groups)
    assert "negative_2" not in ParallelDataset.from_groups(groups, negatives=1).column_names
    assert not caplog.messages
    ParallelDataset.from_groups([make_group(2), *groups])
    assert caplog.messages == [
        "6 rows have more hard negatives than the 0 of the first row, which all keep; give negatives=N for more"
    ]
    with pytest.raises(ValueError, match=r"negatives must be a number.*got -1"):
        ParallelDataset.from_groups(groups, negatives=-1)


def test_joined_data_have_one_id_for_a_text(tmp_path):
    """Equal passages of two data sets that were built apart are no negatives of each other once these are joined."""
    first = [
        Group("1", {"a": "q"}, {"a": "same"}, passage_group="p"),
        Group("2", {"a": "s"}, {"a": "x"}, passage_group="p"),
    ]
    second = [Group("3", {"a": "r"}, {"a": "same", "b": "other"}), make_group(4)]
    parts = [ParallelDataset.from_groups(groups) for groups in (first, second)]
    joined = datasets.concatenate_datasets(parts)
    joined.save_to_disk(tmp_path / "joined")
    for both in (joined, datasets.load_from_disk(tmp_path / "joined"), joined.select([0, 2, 3, 4, 1])):
        ids = {row: id for row, (id,) in zip(both["passage"], ids_of(ParallelDataset(both)), strict=True)}
        assert len({ids[text] for text in ("same", "x", "p4 a")}) == 2 and ids["same"] == ids["x"]
    assert ids_of(ParallelDataset(joined)) == ids_of(ParallelDataset.from_groups([*first, *second]))
    halves = datasets.concatenate_datasets([parts[1].select([0]), parts[1].select([1, 2])])
    assert ids_of(ParallelDataset(halves)) == ids_of(parts[1])[:3]


def test_ids_are_those_of_the_texts_there_are():
    """Texts that ``map`` makes equal get one id, a new hard negative has not that of the one before; columns of them
    may come and go."""
    parallel = ParallelDataset.from_groups(make_group(number, negatives=1) for number in range(4))

    def change(row):
        return {
            "passage": row["passage"].replace("p1 ", "p0 "),
            "negative_1": row["negative_1"].replace("n3", "n2").replace("n0 c 0", "p3 c"),
        }

    labels = dict(zip(parallel["query"], ids_of(parallel), strict=True))
    changed = ParallelDataset(parallel.map(change))
    now = dict(zip(changed["query"], ids_of(changed), strict=True))
    assert labels["q0 a"][0] != labels["q1 a"][0] and now["q0 a"][0] == now["q1 a"][0]
    assert labels["q2 b"][1] != labels["q3 b"][1] and now["q2 b"][1] == now["q3 b"][1] != now["q2 a"][1]
    assert now["q0 c"][1] == now["q3 a"][0] and now["q3 c"][1] != now["q3 a"][0]
    more = parallel.with_format(None).add_column("negative_2", parallel["passage"][:3] * 4)
    assert [ids[2] for ids in ids_of(ParallelDataset(more))] == [ids_of(parallel)[0][0]] * 12
    assert [len(ids) for ids in ids_of(ParallelDataset(more.remove_columns(["negative_1", "negative_2"])))] == [1] * 12
    with pytest.raises(ValueError, match="row 3: column 'passage' is empty"):
        ParallelDataset(parallel.map(lambda row: {"passage": row["passage"].replace("p1 a", " ")}))
    with pytest.raises(ValueError, match="row 0: column 'negative_2' must be a text, got None"):
        ParallelDataset(parallel.with_format(None).add_column("negative_2", [None, *parallel["passage"][1:]]))


@pytest.mark.parametrize("label", [[0.5, 1.0], [[1], [2, 3]], [[1.5], [2.5]], [None, [2]], [[1, 2], [3, 4]]])
def test_labels_that_are_no_ids(label):
    """Scores, and ids of more columns than there are, are refused where the data set is made."""
    rows = {"query": ["q", "r"], "passage": ["p", "s"], "language": ["a", "a"], "group": ["1", "2"], "label": label}
    with pytest.raises(ValueError, match=r"expected 1 ids in 'label' in every row.*from_dataset"):
        ParallelDataset(datasets.Dataset.from_dict(rows))


def test_a_transform_is_not_dropped_without_a_word():
    """What ``with_transform`` would have done to the texts has no place here; a format of types alone has no say."""
    parallel = ParallelDataset.from_groups(make_group(number) for number in range(2))
    upper = parallel.with_transform(lambda rows: {name: [str(one).upper() for one in rows[name]] for name in rows})
    with pytest.raises(ValueError, match=r"transform .* would be left out: change the texts with map"):
        ParallelDataset(upper)
    assert ParallelDataset(parallel.with_format("numpy"))[0] == parallel[0]


def test_dictionaries_are_no_groups():
    """What is to be done with them is said."""
    with pytest.raises(TypeError, match="got a dict; group_from_record makes one"):
        ParallelDataset.from_groups([{"id": "1"}])


def test_a_group_in_two_places_is_refused():
    """Its rows would not be known to be translations of one another."""
    parallel = ParallelDataset.from_groups([make_group(0, "a"), make_group(1, "a"), make_group(0, "b")])
    with pytest.raises(ValueError, match="group 'g0' comes up in two places"):
        parallel.index  # noqa: B018
    with pytest.raises(ValueError, match="group 'g0' comes up twice"):
        ParallelDataset.from_groups([make_group(0, "a"), make_group(0, "b")])


def test_from_dataset_in_any_order():
    """Long form, unsorted, a language column of class labels: rows come out by group and language name."""
    rows = {
        "gid": ["y", "x", "y", "x"],
        "lang": [1, 0, 0, 1],
        "question": ["qy en", "qx de", "qy de", "qx en"],
        "text": ["py en", "px de", "py de", "px en"],
        "doc": [7, 8, 7, 8],
        "source": ["s"] * 4,
    }
    long = datasets.Dataset.from_dict(rows).cast_column("lang", datasets.ClassLabel(names=["de", "en"]))
    parallel = ParallelDataset.from_dataset(
        long, group="gid", language="lang", query="question", passage="text", passage_group="doc"
    )
    assert [row["query"] for row in parallel] == ["qy de", "qy en", "qx de", "qx en"]
    assert parallel.languages == ("de", "en")
    ids = [label for (label,) in ids_of(parallel)]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def long_form(**changes):
    rows = {"group": [1, 1], "language": ["a", "b"], "query": ["q", "q"], "passage": ["p", "p"]}
    return datasets.Dataset.from_dict(rows | changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"query": ["q", " "]}, "row 1: column 'query' is empty"),
        ({"passage": [None, "p"]}, "row 0: column 'passage' must be a text, got None"),
        ({"language": ["a", None]}, "row 1: column 'language' must be a text, got None"),
        ({"language": ["a", "a"]}, "group '1' is twice in 'a'"),
        ({"query": [1, 2]}, "row 0: column 'query' must be a text, got 1"),
        ({key: [] for key in ("group", "language", "query", "passage")}, "the data set has no rows"),
    ],
)
def test_bad_datasets(changes, told):
    """Each message names the row or column and what to do."""
    with pytest.raises(ValueError, match=told):
        ParallelDataset.from_dataset(long_form(**changes))


def test_other_kinds_of_data_sets():
    """Streams and dictionaries have no rows to draw by number; a data set of other columns is none of ours."""
    with pytest.raises(TypeError, match="from_generator"):
        ParallelDataset.from_dataset(long_form().to_iterable_dataset())
    with pytest.raises(TypeError, match="a stream has no hybrid batches"):
        ParallelDataset.from_dataset(long_form()).to_iterable_dataset()
    with pytest.raises(TypeError, match="DatasetDict"):
        ParallelDataset(datasets.DatasetDict(train=long_form()))
    with pytest.raises(ValueError, match="no column 'label'"):
        ParallelDataset(long_form())


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"query": {"a": " "}}, "\"query\" in 'a' is empty"),
        ({"passage": {"a": None}}, "\"passage\" in 'a' must be a text, got None"),
        ({"negatives": {"a": "n"}}, "\"negatives\" in 'a' must be a list of texts"),
    ],
)
def test_groups_from_whatever_reader_are_checked(texts, told):
    """Also those that a program makes itself."""
    with pytest.raises(ValueError, match=told):
        Group("g", **({"query": {"a": "q"}, "passage": {"a": "p"}} | texts))

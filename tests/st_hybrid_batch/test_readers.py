import gzip
import json

import pytest

from st_hybrid_batch import ParallelDataset, read_jsonl, read_mmarco, read_squad
from tests.st_hybrid_batch.helpers import ids_of

LINE = '{"id": "1", "query": {"de": "Frage", "en": "question"}, "passage": {"de": "Text"}, "split": "train"}'


@pytest.mark.parametrize("zipped", [False, True])
def test_jsonl(tmp_path, zipped):
    """Plain and gzipped files, blank lines, and one split of several."""
    path = tmp_path / ("g.jsonl.gz" if zipped else "g.jsonl")
    text = f"{LINE}\n\n{LINE.replace('train', 'dev')}\n"
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert len(list(read_jsonl(path))) == 2
    (group,) = read_jsonl(path, split="dev")
    assert group.where == f"{path}:3"
    assert group.query == {"de": "Frage", "en": "question"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": 1, ', "not a JSON object"),
        ('{"id": ' + "9" * 5000 + "}", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ('{"id": 1, "query": {"de": "q", "en": "r", "de": "s"}, "passage": {}}', "a key is twice among de, en, de"),
        ("[1]", 'expected an object with "id"'),
        ('{"id": null, "query": {}, "passage": {}}', '"id" must be a text or a number, got None'),
        ('{"id": 1, "query": "text", "passage": {}}', '"query" must map languages to texts'),
        ('{"id": 1, "query": {"de": ""}, "passage": {}}', "\"query\" in 'de' is empty"),
        ('{"id": 1, "query": {"de": 5}, "passage": {}}', "\"query\" in 'de' must be a text, got 5"),
        ('{"id": 1, "query": {"de": "q"}, "passage": {"de": " "}}', "\"passage\" in 'de' is empty"),
        (
            '{"id": 1, "query": {}, "passage": {}, "negatives": {"de": "n"}}',
            "\"negatives\" in 'de' must be a list",
        ),
    ],
)
def test_bad_lines_are_named(tmp_path, line, told):
    """In a file of millions of lines only path:line helps."""
    path = tmp_path / "g.jsonl"
    path.write_text(f"{LINE}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"g.jsonl:2: ") as caught:
        list(read_jsonl(path))
    assert told in str(caught.value)


def squad(path, *paragraphs):
    qas = [{"context": context, "qas": [{"id": i, "question": f"{i}?"} for i in ids]} for context, ids in paragraphs]
    path.write_text(json.dumps({"data": [{"paragraphs": qas}]}), encoding="utf-8")
    return path


def test_squad(tmp_path):
    """Ids link the files. Paragraphs cut differently in another language keep every question with its own paragraph."""
    paths = {
        "de": squad(tmp_path / "de.json", ("Absatz 1", ["x"]), ("Absatz 2", ["y", "z"])),
        "en": squad(tmp_path / "en.json", ("paragraph", ["x", "y"]), ("other", ["w"])),
    }
    groups = {group.id: group for group in read_squad(paths)}
    assert groups["x"].passage == {"de": "Absatz 1", "en": "paragraph"}
    assert groups["y"].passage == {"de": "Absatz 2", "en": "paragraph"}
    parallel = ParallelDataset.from_groups(groups.values())
    names = parallel.data.column("group").to_pylist()
    ids = dict(zip(names, ids_of(parallel), strict=True))
    assert ids["x"] == ids["y"] == ids["z"] != ids["w"]


def test_questions_without_an_answer_are_no_pairs(tmp_path):
    """SQuAD 2 asks what a paragraph does not answer: trained on, it would be a false positive."""
    path = squad(tmp_path / "en.json", ("Rivers", ["1", "2"]))
    data = json.loads(path.read_text())
    data["data"][0]["paragraphs"][0]["qas"][1]["is_impossible"] = True
    path.write_text(json.dumps(data))
    assert [group.id for group in read_squad({"en": path})] == ["1"]


def test_a_question_id_twice_in_a_file(tmp_path):
    """The later one would replace the earlier without a word."""
    path = squad(tmp_path / "en.json", ("one", ["x"]), ("two", ["x"]))
    with pytest.raises(ValueError, match=r"paragraphs\[1\]: question 'x' is twice"):
        list(read_squad({"en": path}))


def test_bad_squad(tmp_path):
    """The file, and the place in it."""
    (tmp_path / "a.json").write_text('{"version": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match=r'a.json: expected SQuAD-shaped JSON with a "data" list'):
        list(read_squad({"en": tmp_path / "a.json"}))
    path = squad(tmp_path / "b.json", ("good", ["x"]), ("", ["y"]))
    with pytest.raises(ValueError, match=r"b.json: data\[0\].paragraphs\[1\]: context is empty"):
        list(read_squad({"en": path}))
    (tmp_path / "c.json").write_text('{"data": [{"paragraphs": null}]}', encoding="utf-8")
    with pytest.raises(ValueError, match=r'c.json: data\[0\]: expected a list of "paragraphs", got None'):
        list(read_squad({"en": tmp_path / "c.json"}))


def test_ids_that_are_numbers_in_one_file(tmp_path):
    """They link the files all the same."""
    (tmp_path / "en.json").write_text(
        '{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": 1, "question": "q"}]}]}]}', encoding="utf-8"
    )
    (group,) = read_squad({"en": tmp_path / "en.json", "de": squad(tmp_path / "de.json", ("Absatz", ["1"]))})
    assert group.languages == ["de", "en"]


@pytest.fixture
def mmarco(tmp_path):
    for folder in ("collections", "queries/train"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("german", "english"):
        lines = "".join(f"{number}\tpassage {number} {name}\n" for number in range(4))
        (tmp_path / f"collections/{name}_collection.tsv").write_text(lines, encoding="utf-8")
        lines = "".join(f"{number}\tquery {number} {name}\n" for number in (10, 12))
        (tmp_path / f"queries/train/{name}_queries.train.tsv").write_text(lines, encoding="utf-8")
    (tmp_path / "triples.tsv").write_text("12\t1\t3\n10\t1\t0\n12\t1\t2\n", encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("10\t0\t2\t1\n12\t0\t3\t0\n", encoding="utf-8")
    return tmp_path


def test_mmarco_triples(mmarco):
    """Negatives of one (question, positive) are gathered; pairs with too few are left out."""
    (group,) = read_mmarco(mmarco, ["de", "en"], mmarco / "triples.tsv", negatives=2)
    assert group.id == "12-1"
    assert group.query == {"de": "query 12 german", "en": "query 12 english"}
    assert group.passage["en"] == "passage 1 english"
    assert group.negatives["de"] == ["passage 3 german", "passage 2 german"]
    both = list(read_mmarco(mmarco, ["de", "en"], mmarco / "triples.tsv"))
    assert [group.id for group in both] == ["12-1", "10-1"]
    assert {group.passage_group for group in both} == {"1"}


def test_mmarco_qrels(mmarco):
    """Relevance 0 is a judged negative, not a pair."""
    assert [group.id for group in read_mmarco(mmarco, ["en"], mmarco / "qrels.tsv")] == ["10-2"]


def test_however_a_file_was_saved(mmarco):
    """A byte order mark, Windows line ends, blank lines and gzip are no part of the first id, in any reader."""
    mark = "\ufeff"
    for name in ("collections/english_collection.tsv", "queries/train/english_queries.train.tsv"):
        (mmarco / name).write_text((mark + (mmarco / name).read_text()).replace("\n", "\r\n"), newline="")
    triples = (mark + (mmarco / "triples.tsv").read_text() + "\n").replace("\n", "\r\n")
    (mmarco / "triples.tsv.gz").write_bytes(gzip.compress(triples.encode()))
    groups = list(read_mmarco(mmarco, ["en"], mmarco / "triples.tsv.gz", negatives=1))
    assert [(group.id, group.query["en"], group.passage["en"]) for group in groups] == [
        ("12-1", "query 12 english", "passage 1 english"), ("10-1", "query 10 english", "passage 1 english"),
    ]  # fmt: skip
    assert groups[1].negatives["en"] == ["passage 0 english"]
    (mmarco / "qrels.tsv").write_text(f"{mark}10 0 2 1.0\r\n12 0 3 +0\r\n", newline="")
    assert [group.id for group in read_mmarco(mmarco, ["en"], mmarco / "qrels.tsv")] == ["10-2"]
    (mmarco / "groups.jsonl").write_text(f"{mark}{LINE}\r\n", newline="")
    assert len(list(read_jsonl(mmarco / "groups.jsonl"))) == 1
    for content, told in (
        (LINE.encode() + b"\n\xff", ":2: not UTF-8"),
        (LINE.replace("Frage", "\\ud800").encode(), ":1: .*holds half of a surrogate pair"),
    ):
        (mmarco / "groups.jsonl").write_bytes(content)
        with pytest.raises(ValueError, match=rf"groups\.jsonl{told}"):
            list(read_jsonl(mmarco / "groups.jsonl"))
    (mmarco / "cut.tsv.gz").write_bytes(gzip.compress(b"12\t1\t3\n")[:-6])
    with pytest.raises(ValueError, match=r"cut\.tsv\.gz:1: the file is truncated or damaged"):
        list(read_mmarco(mmarco, ["en"], mmarco / "cut.tsv.gz"))
    (mmarco / "none.jsonl.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none\.jsonl\.gz:0: the file is truncated or damaged \(it is empty\)"):
        list(read_jsonl(mmarco / "none.jsonl.gz"))


def test_bad_mmarco(mmarco):
    """Malformed lines, unknown ids and missing files are named."""
    (mmarco / "bad.tsv").write_text("12\t1\t3\n12\t1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad.tsv:2: expected three ids"):
        list(read_mmarco(mmarco, ["en"], mmarco / "bad.tsv"))
    (mmarco / "far.tsv").write_text("12\t99\t3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"english_collection.tsv has no line with id 99"):
        list(read_mmarco(mmarco, ["en"], mmarco / "far.tsv"))
    with pytest.raises(FileNotFoundError, match=r"french_collection.tsv is missing"):
        list(read_mmarco(mmarco, ["fr"], mmarco / "triples.tsv"))
    with pytest.raises(ValueError, match=r"qrels.tsv: qrels have no hard negatives"):
        list(read_mmarco(mmarco, ["en"], mmarco / "qrels.tsv", negatives=1))
    collection = mmarco / "collections" / "english_collection.tsv"
    for content, told in ((b"0\tgood\n1\tb\xe4d\n3\tgood\n", ":2: not UTF-8"), (b"", " is empty; expected lines")):
        collection.write_bytes(content)
        with pytest.raises(ValueError, match=f"english_collection.tsv{told}"):
            list(read_mmarco(mmarco, ["en"], mmarco / "triples.tsv"))


def test_squad_is_read_an_article_at_a_time(tmp_path, monkeypatch):
    """Of files that agree, the first group comes before the second article is decoded, wherever the text is cut."""
    import st_hybrid_batch.readers.squad as module

    articles = [
        {"paragraphs": [{"context": f'text {n} "}}]', "qas": [{"id": str(n), "question": f"{n}?"}]}]} for n in range(9)
    ]
    for code, indent in (("de", None), ("en", 2)):
        other = ["data", {"data": [{"paragraphs": []}]}]  # an earlier list of the same name, further within
        content = json.dumps({"version": 1.5, "other": other, "data": articles, "end": 0}, indent=indent)
        (tmp_path / code).write_text(content, encoding="utf-8")
    paths = {"de": tmp_path / "de", "en": tmp_path / "en"}
    whole = list(read_squad(paths))
    assert [(group.id, group.query, group.passage["en"]) for group in whole] == [
        (str(n), {"de": f"{n}?", "en": f"{n}?"}, f'text {n} "}}]') for n in range(9)
    ]
    for size in (1, 7, 64):
        monkeypatch.setattr(module, "_AT_ONCE", size)
        assert list(read_squad(paths)) == whole
    text = (tmp_path / "en").read_text(encoding="utf-8").replace("4?", "\\ud800")
    (tmp_path / "en").write_text(text, encoding="utf-8")
    groups = read_squad(paths)
    assert next(groups) == whole[0]
    with pytest.raises(ValueError, match=r"en: data\[4\]\.paragraphs\[0\]: question '4' holds half of a surrogate"):
        list(groups)
    for content in ('{"data": [{}', '{"data": [1]}', '[{"data": []}]', '{"data": {}}', '{"a": {"data": [{}]}}', ""):
        (tmp_path / "bad.json").write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r'bad.json: expected SQuAD-shaped JSON with a "data" list'):
            list(read_squad({"en": tmp_path / "bad.json"}))

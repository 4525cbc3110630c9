"""MIRACL from its raw layout: small corpora written here, and the real topics and qrels."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, load_dataset
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.datasets.catalogue import miracl as source
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.readers.judgments import read_judgments
from beir_hybrid.readers.passages import read_records

Record = Mapping[str, Any]

# two shards, in which ids do not stand in order
SHARDS: list[list[Record]] = [
    [
        {"docid": "12#0", "title": "Kilimanjaro", "text": "Mlima mrefu."},
        {"docid": "7#1", "title": "Maji", "text": "Maji ni uhai."},
    ],
    [{"docid": "7#0", "title": "Maji", "text": "Maji."}],
]
TOPICS = "12#0\tMlima gani?\n3#0\tMaji ni nini?\n"
QRELS = "12#0\tQ0\t12#0\t1\n12#0\tQ0\t7#1\t0\n3#0\tQ0\t7#0\t1\n3#0\tQ0\t7#1\t1\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes one language below tmp_path/miracl in the raw layout; returns that folder."""

    def written(
        shards: Sequence[Sequence[Record] | bytes] = SHARDS,
        *,
        topics: str = TOPICS,
        qrels: str = QRELS,
        language: str = "sw",
        split: str = "dev",
        corpus: Path | None = None,
    ) -> Path:
        root = tmp_path / "miracl"
        base = f"miracl-v1.0-{language}"
        for kind, content in (("topics", topics), ("qrels", qrels)):
            path = root / base / kind / f"{kind}.{base}-{split}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        folder = (corpus or root) / f"miracl-corpus-v1.0-{language}"
        folder.mkdir(parents=True)
        for number, records in enumerate(shards):
            lines = records if isinstance(records, bytes) else "".join(json.dumps(r) + "\n" for r in records).encode()
            (folder / f"docs-{number}.jsonl.gz").write_bytes(gzip.compress(lines))
        return root

    return written


def load(root: Path, languages: str = "sw", split: str | None = None) -> Dataset:
    return load_dataset("miracl", root.parent, languages, split)


def test_the_raw_layout_is_read(write: Write) -> None:
    """All shards make one corpus in id order; titles stay apart from texts; upstream ids are kept beside ours."""
    dataset = load(write())
    passages, queries = dataset.passages["sw"], dataset.queries["sw"]
    assert list(passages.source_ids) == ["7#0", "7#1", "12#0"]
    assert list(passages.ids) == sorted(passages.ids)
    assert {len(key) for key in passages.ids} == {len("sw-p-") + 16}
    assert list(passages.titles) == ["Maji", "Maji", "Kilimanjaro"]
    assert passages.full_texts() == ["Maji Maji.", "Maji Maji ni uhai.", "Kilimanjaro Mlima mrefu."]
    assert list(queries.source_ids) == ["3#0", "12#0"]
    assert list(queries.texts) == ["Maji ni nini?", "Mlima gani?"]
    # a query and a passage of one upstream id are told apart
    assert not set(queries.ids) & set(passages.ids)


def test_judged_negatives_are_kept(write: Write) -> None:
    """Grade 0 is a judgment too: it is in the task's qrels, and not relevant."""
    corpus, queries, qrels = BeirView(load(write()).task("mono:sw")).load()
    assert len(corpus) == 3
    assert len(queries) == 2
    by_text = {queries[q]: {corpus[p]["text"]: grade for p, grade in judged.items()} for q, judged in qrels.items()}
    assert by_text == {
        "Mlima gani?": {"Mlima mrefu.": 1, "Maji ni uhai.": 0},
        "Maji ni nini?": {"Maji.": 1, "Maji ni uhai.": 1},
    }


def test_queries_without_judgments_are_not_asked(write: Write) -> None:
    """A topic no qrels line names is counted, and is in no task."""
    dataset = load(write(topics=TOPICS + "99#0\tNani?\n"))
    assert len(dataset.task("mono:sw").rows) == 2
    assert dataset.passed_over == "1 query has no judgment (not asked)"


def test_languages_are_not_parallel(write: Write) -> None:
    """Equal upstream ids in two languages are no parallel group; mono is the default, cross does not exist."""
    write()
    dataset = load(write(language="te"), "sw,te")
    assert [task.name for task in dataset.tasks()] == ["mono:sw", "mono:te"]
    assert all(len(queries) == 1 for queries in dataset.groups.values())
    with pytest.raises(SettingError, match="judges no passage in another language, so 'cross' does not exist"):
        dataset.tasks("cross")
    with pytest.raises(SettingError, match="no query in 'sw' with an answer in 'te'"):
        dataset.task("cross:sw-te")
    assert dataset.task("multi:te").n_passages == 6


def test_a_corpus_beside_is_accepted(write: Write, tmp_path: Path) -> None:
    """The hub's two repositories, miracl and miracl-corpus, may lie side by side as they were cloned."""
    dataset = load(write(corpus=tmp_path / "miracl-corpus"))
    assert len(dataset.passages["sw"]) == 3


def test_the_folder_itself_may_be_named(write: Write) -> None:
    """--data-dir may be the folder that holds miracl, or miracl itself."""
    root = write()
    assert load_dataset("miracl", root, "sw").fingerprint == load(root).fingerprint


def test_a_corpus_of_ones_own_is_recorded_as_such(write: Write) -> None:
    """Files that differ from the published ones are read, and every result says so."""
    files = {file.path: file.pinned for file in load(write()).files}
    assert files == {
        "miracl-v1.0-sw/topics/topics.miracl-v1.0-sw-dev.tsv": False,
        "miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv": False,
        "miracl-corpus-v1.0-sw/docs-0.jsonl.gz": None,
        "miracl-corpus-v1.0-sw/docs-1.jsonl.gz": None,
    }


def test_train_is_read_where_there_is_one(write: Write) -> None:
    """The train split has its own topics and qrels over the same corpus; de and yo have none."""
    root = write(split="train")
    assert load(root, split="train").split == "train"
    for language in ("de", "yo"):
        with pytest.raises(DatasetError, match=f"no train split in '{language}'"):
            load(root, language, "train")


def test_a_gap_in_the_shards_is_noticed(write: Write) -> None:
    """Shards are numbered from 0: one missing in between is not read over, and cannot be fetched either."""
    root = write([*SHARDS, [{"docid": "9#0", "title": "", "text": "Tisa"}]])
    (root / "miracl-corpus-v1.0-sw" / "docs-1.jsonl.gz").unlink()
    with pytest.raises(DatasetError, match=r"docs-1\.jsonl\.gz is missing, and the files beside it are not"):
        load(root)
    with pytest.raises(DatasetError, match=r"docs-1\.jsonl\.gz is missing, and the files beside it are not"):
        source.fetch(root, ["sw"], "dev")


def test_a_missing_first_shard_can_be_fetched(write: Write) -> None:
    """Without docs-0 nothing says that a corpus is one's own: the published shard is missing, with the command."""
    root = write()
    (root / "miracl-corpus-v1.0-sw" / "docs-0.jsonl.gz").unlink()
    command = f"run: beir-hybrid fetch miracl --languages sw --data-dir {root.parent}"
    with pytest.raises(DatasetError, match=rf"docs-0\.jsonl\.gz is missing; {command}"):
        load(root)
    assert all(file.url.startswith("https://") for file in source.missing(root, ["sw"], "dev"))


def test_a_damaged_corpus_in_the_cache_is_not_taken_for_ones_own(write: Write, no_data: Path) -> None:
    """In the cache only published files count: a damaged shard is named, not read."""
    root = write(language="th")
    target = no_data / "data" / "miracl"
    target.parent.mkdir(parents=True)
    root.rename(target)
    with pytest.raises(DatasetError, match=r"topics\.miracl-v1\.0-th-dev\.tsv is damaged: its md5 is .* delete it"):
        load_dataset("miracl", languages="th")


@pytest.mark.data
def test_only_the_published_corpus_is_read_from_the_cache(write: Write, no_data: Path, data_dir: Path) -> None:
    """With the real topics and qrels, a first shard of other content is named as damaged, though others are missing."""
    base = "miracl-v1.0-te"
    kinds = {kind: (data_dir / "miracl" / base / kind / f"{kind}.{base}-dev.tsv") for kind in ("topics", "qrels")}
    texts = {kind: path.read_text(encoding="utf-8") for kind, path in kinds.items()}
    root = write(SHARDS[:1], language="te", **texts)
    (no_data / "data").mkdir(parents=True)
    root.rename(no_data / "data" / "miracl")
    with pytest.raises(DatasetError, match=r"docs-0\.jsonl\.gz is damaged: its md5 is .*run: beir-hybrid fetch miracl"):
        load_dataset("miracl", languages="te")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"topics": "3#0\tMaji?\n12#0 Mlima?\n"}, "topics.miracl-v1.0-sw-dev.tsv:2: expected 'query id<TAB>query'"),
        ({"topics": "3#0\tMaji?\n12#0\t\n"}, "topics.miracl-v1.0-sw-dev.tsv:2: query '12#0' is empty"),
        ({"qrels": "3#0\tQ0\t7#0\t1\n3#0\tQ0\t7#0\n"}, "qrels.miracl-v1.0-sw-dev.tsv:2: expected"),
        (
            {"qrels": "3#0\tQ0\t7#0\t1\n3#0\tQ0\t7#0\t0\n"},
            "qrels.miracl-v1.0-sw-dev.tsv:2: passage '7#0' is judged 0 for query '3#0', and 1 before",
        ),
        (
            {"shards": [SHARDS[0], [{"docid": "12#0", "title": "", "text": ""}]]},
            "docs-1.jsonl.gz:1: docid '12#0' appeared before, at ",
        ),
        ({"shards": [SHARDS[0], b'{"docid": "1#0",\n']}, "docs-1.jsonl.gz:1: not valid JSON"),
        ({"shards": [SHARDS[0], b'{"docid": "1#0"}\n']}, "docs-1.jsonl.gz:1: 'text' is None; expected a string"),
    ],
)
def test_what_is_wrong_is_named_by_line(write: Write, change: dict[str, Any], message: str) -> None:
    """Every malformed or contradictory line is found at path:line."""
    with pytest.raises(DatasetError, match=re.escape(message)):
        load(write(**change))


def test_a_truncated_shard_is_refused(write: Write) -> None:
    """Half a shard does not pass for a small corpus."""
    root = write()
    shard = root / "miracl-corpus-v1.0-sw" / "docs-1.jsonl.gz"
    shard.write_bytes(shard.read_bytes()[:-6])
    with pytest.raises(DatasetError, match=r"docs-1\.jsonl\.gz.*truncated or damaged"):
        load(root)


def test_all_published_files_are_pinned() -> None:
    """222 corpus shards and 68 topics and qrels, each with an md5, at the right repository."""
    trained = [language for language in source.languages if language not in ("de", "yo")]
    chosen = [(source.languages, "dev"), (trained, "train")]
    files = {file.path: file for languages, split in chosen for file in source.remote_files(Path(), languages, split)}
    shards = [file for path, file in files.items() if path.startswith("miracl-corpus")]
    judgments = [file for path, file in files.items() if path.startswith("miracl-v1.0")]
    assert (len(shards), len(judgments), len(source.checksums)) == (222, 68, 290)
    assert all(re.fullmatch("md5:[0-9a-f]{32}", file.checksum) for file in files.values())
    assert all("/datasets/miracl/miracl-corpus/resolve/" in file.url for file in shards)
    assert all("/datasets/macavaney/miracl-noauth/resolve/" in file.url for file in judgments)
    for split, languages in (("dev", source.languages), ("train", [c for c in source.languages if c not in "de yo"])):
        paths = {file.path for file in source.remote_files(Path(), list(languages), split)}
        assert sum(path.startswith("miracl-v1.0") for path in paths) == 2 * len(languages)


@pytest.mark.data
def test_the_real_topics_and_qrels_are_the_published_ones(data_dir: Path) -> None:
    """Every local file has the pinned md5."""
    here = sorted((data_dir / "miracl").glob("miracl-v1.0-*/*/*.tsv"))
    assert len(here) == 68
    for path in here:
        pinned = source.checksums[path.relative_to(data_dir / "miracl").as_posix()]
        assert f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}" == pinned


@pytest.mark.data
@pytest.mark.parametrize(("split", "queries", "languages"), [("dev", 13_495, 18), ("train", 40_203, 16)])
def test_the_real_topics_and_qrels_are_readable(data_dir: Path, split: str, queries: int, languages: int) -> None:
    """All queries are read, judged with grades 0 and 1, at least one passage each relevant; ids fit their width."""
    total = read = 0
    for path in sorted((data_dir / "miracl").glob(f"*/topics/*-{split}.tsv")):
        topics = {record.key: record.text for record in read_records(path)}
        judgments = list(read_judgments(Path(str(path).replace("topics", "qrels"))))
        assert {query for _, _, query, _, _ in judgments} == set(topics)
        assert {query for _, _, query, _, grade in judgments if grade == 1} == set(topics)
        assert {grade for *_, grade in judgments} == {0, 1}
        assert len({(query, passage) for _, _, query, passage, _ in judgments}) == len(judgments)
        assert max(map(len, topics)) <= 12
        assert max(len(passage) for _, _, _, passage, _ in judgments) <= 16
        total += len(topics)
        read += 1
    assert (total, read) == (queries, languages)


@pytest.mark.data
def test_real_passages_in_miracls_record_shape(data_dir: Path, write: Write, tmp_path: Path) -> None:
    """Real Wikipedia passages with their docids, each language as two shards, searched by a query each."""
    records: dict[str, list[Record]] = {}
    for _, record in read_json_lines(
        data_dir / "mrtydi-sample" / "corpus.jsonl.gz", ("docid", "title", "text", "lang")
    ):
        records.setdefault(record["lang"], []).append(record)
    languages = sorted(set(records) & set(source.languages))
    assert sum(map(len, records.values())) == 44
    assert len(languages) > 5
    for language in languages:
        found = records[language]
        first, second = found[0]["docid"], found[1]["docid"]
        write(
            [found[1:], found[:1]], language=language,
            topics=f"1#0\t{found[0]['title']}?\n", qrels=f"1#0\tQ0\t{first}\t1\n1#0\tQ0\t{second}\t0\n",
        )  # fmt: skip
    dataset = load(tmp_path / "miracl", ",".join(languages))
    for language in languages:
        block = dataset.passages[language]
        texts = dict(zip(block.source_ids, block.texts, strict=True))
        assert texts == {record["docid"]: record["text"] for record in records[language]}
    assert [len(task.rows) for task in dataset.tasks()] == [1] * len(languages)

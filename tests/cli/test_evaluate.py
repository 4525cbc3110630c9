"""`evaluate`: end to end on the sample, its files, and what it does when it is called again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from beir_hybrid import load_dataset, read_results
from beir_hybrid.cli import build_parser
from beir_hybrid.cli.options import key_value
from beir_hybrid.records import Hits
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task
from tests.cli.refusals import refused

METRICS = "map,recall@1,mrr@10"
LANGUAGES = ("de", "en")


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """A run of the German and English pool: 1. the answer in the query's language, 2. something wrong in that
    language, 3. the answer in the other language."""
    dataset = load_dataset("sample", languages=LANGUAGES)
    lines = []
    for language in LANGUAGES:
        other = "en" if language == "de" else "de"
        for query in dataset.queries[language].ids:
            by_language = {passage[:2]: passage for passage in dataset.qrels[query]}
            own, wrong = by_language[language], f"{language}-p-0001"
            wrong = wrong if wrong != own else f"{language}-p-0002"
            ranked = [own, wrong, by_language[other]]
            lines += [f"{query} Q0 {passage} {rank} {10 - rank} mine\n" for rank, passage in enumerate(ranked, 1)]
    path = tmp_path / "mine.trec"
    path.write_text("".join(lines))
    return path


@pytest.fixture
def evaluated(command: Any, run_file: Path, tmp_path: Path) -> Callable[..., Any]:
    """Evaluates the run on the sample into tmp_path/out."""

    def run(*more: str) -> Any:
        return command(
            "evaluate", "sample", "--run", run_file, "--languages", "de,en", "--settings", "mono,cross,multi",
            "--metrics", METRICS, "--out", tmp_path / "out", *more,
        )  # fmt: skip

    return run


def test_a_run_is_measured_in_all_settings(evaluated: Callable[..., Any], tmp_path: Path) -> None:
    """results.json has the documented schema, with values that can be worked out by hand."""
    done = evaluated()
    assert done.status == 0
    record = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert {"schema", "name", "dataset", "split", "retriever", "scores", "summary", "versions", "seconds"} <= set(
        record
    )
    assert [record[key] for key in ("schema", "name", "dataset", "split")] == [1, "mine", "sample", "test"]
    assert record["retriever"]["file"] == "mine.trec"
    assert record["retriever"]["rows"] == 180
    assert len(record["retriever"]["sha256"]) == 64
    assert record["versions"]["beir-hybrid"]
    assert record["seconds"] > 0
    assert record["summary"]["mono"] == {"map": 1.0, "recall@1": 1.0, "mrr@10": 1.0, "tied_share": 0.0}
    assert record["summary"]["cross"] == {"map": 1.0, "recall@1": 1.0, "mrr@10": 1.0, "tied_share": 0.0}
    multi = record["summary"]["multi"]
    assert multi["map"] == pytest.approx((1 + 2 / 3) / 2)
    assert multi["recall@1"] == 0.5
    assert (multi["rank_distance"], multi["rank_distance_floor"], multi["rank_distance_excess"]) == (2, 1, 1)
    assert multi["same_language_share@10"] == pytest.approx(2 / 3)
    tasks = [
        (s["setting"], s["query_language"], s["corpus_language"]) for s in record["scores"] if s["metric"] == "map"
    ]
    assert tasks == [
        ("mono", "de", "de"), ("mono", "en", "en"), ("cross", "de", "en"), ("cross", "en", "de"),
        ("multi", "de", "all"), ("multi", "en", "all"),
    ]  # fmt: skip
    for score in record["scores"]:
        assert {"setting", "query_language", "corpus_language", "metric", "value", "queries"} <= set(score)
        assert score["queries"] == 30
    assert read_results(tmp_path / "out").summary == record["summary"]


def test_the_folder_holds_scores_and_runs_by_query(evaluated: Callable[..., Any], tmp_path: Path) -> None:
    """Beside results.json there are per-query scores and runs as parquet, on request TREC, and no leftovers."""
    assert evaluated("--trec").status == 0
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "inputs.json", "per_query.parquet", "results.json", "runs.parquet", "trec",
    ]  # fmt: skip
    per_query = pq.read_table(out / "per_query.parquet").to_pylist()
    assert len(per_query) == 6 * 30
    assert {row["map"] for row in per_query if row["setting"] == "mono"} == {1.0}
    assert {row["rank_distance"] for row in per_query if row["setting"] == "multi"} == {2.0}
    assert {row["rank_distance"] for row in per_query if row["setting"] == "mono"} == {None}
    runs = pq.read_table(out / "runs.parquet").to_pylist()
    assert sum(row["setting"] == "multi" for row in runs) == 180
    assert {row["rank"] for row in runs} == {1, 2, 3}
    assert sorted(path.name for path in (out / "trec").iterdir()) == sorted(
        f"{name}.trec" for name in ("mono.de", "mono.en", "cross.de-en", "cross.en-de", "multi.de", "multi.en")
    )
    line = (out / "trec" / "multi.de.trec").read_text().splitlines()[0].split()
    assert (len(line), line[1], line[3], line[5]) == (6, "Q0", "1", "mine")


def test_the_table_is_data_and_the_rest_is_messages(evaluated: Callable[..., Any], tmp_path: Path) -> None:
    """stdout is the table alone; where the files are stands on stderr."""
    done = evaluated()
    assert done.out.splitlines()[0] == "mine on sample (test): 6 settings, 30 queries each"
    assert [line.split()[0] for line in done.out.splitlines() if line[:2].strip()][:4] == ["mine", "de", "en", "mean"]
    assert done.err.strip().splitlines()[-1] == (
        f"results: {tmp_path / 'out'}/results.json, per_query.parquet, runs.parquet"
    )


def test_the_same_inputs_print_what_is_there(evaluated: Callable[..., Any], tmp_path: Path) -> None:
    """A finished folder is not computed again: its files stay as they are and its table is printed."""
    first = evaluated()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    second = evaluated()
    assert (second.status, second.out) == (0, first.out)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_other_inputs_are_refused_by_name(evaluated: Callable[..., Any], run_file: Path, tmp_path: Path) -> None:
    """Results of other inputs are never mixed or overwritten: the message says what differs."""
    evaluated()
    before = (tmp_path / "out" / "results.json").read_bytes()
    refused(evaluated("--metrics", "map"), 1, "holds results of other inputs", "metrics", "mrr@10")
    refused(evaluated("--name", "yours"), 1, 'name was "mine" and is now "yours"')
    refused(evaluated("--top-k", "2"), 1, "top_k was null and is now 2")
    refused(evaluated("--split", "train"), 1, "is not in sample")  # the ids of the two splits differ
    run_file.write_text(run_file.read_text().replace(" 9 mine", " 9.5 mine"))
    refused(evaluated(), 1, "retriever.sha256 was")
    assert (tmp_path / "out" / "results.json").read_bytes() == before


def test_a_folder_of_something_else_is_refused(evaluated: Callable[..., Any], tmp_path: Path) -> None:
    """A folder with other files, or a file, is not written into."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    refused(evaluated(), 1, "is not a results folder", "choose another --out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_written(command: Any, run_file: Path, tmp_path: Path) -> None:
    """A file where the results folder should go ends in one line."""
    (tmp_path / "taken").write_text("a file")
    done = command("evaluate", "sample", "--languages", "de,en", "--run", run_file, "--out", tmp_path / "taken" / "out")
    refused(done, 1, "could not write", "choose another folder")


def test_a_card_that_cannot_be_filled_is_refused_first(command: Any, run_file: Path, tmp_path: Path) -> None:
    """What would end a long evaluation ends none."""
    words = ["evaluate", "sample", "--run", run_file, "--out", tmp_path / "out"]
    refused(command(*words, "--model-card", tmp_path / "nowhere"), 1, f"{tmp_path / 'nowhere'} is no folder")
    assert not (tmp_path / "out").exists()


class Stopping:
    """Ranks passages by position; interrupted after some tasks, as by Ctrl-C."""

    name = "stopping"

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.asked: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {"type": "stopping"}

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        for done, task in enumerate(tasks):
            if done == self.after:
                raise KeyboardInterrupt
            self.asked.append(task.name)
            n, m = len(task.rows), task.n_passages
            query, passage = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
            yield Ranking.of_hits(task, Hits.sorted(n, query, passage, -passage))


def test_an_interrupted_evaluation_goes_on(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interrupt the same command asks only for the tasks that are missing, with the same result."""

    def run(retriever: Stopping, out: str) -> Any:
        monkeypatch.setattr("beir_hybrid.retrieval.recognise.build_retriever", lambda *_, **__: retriever)
        return command("evaluate", "sample", "--bm25", "--languages", "de,en", "--out", tmp_path / out)

    first, second, whole = Stopping(3), Stopping(None), Stopping(None)
    done = run(first, "out")
    refused(done, 130, "interrupted; what was finished is kept")
    assert first.asked == ["mono:de", "mono:en", "cross:de-en"]
    assert not (tmp_path / "out" / "results.json").exists()
    done = run(second, "out")
    assert done.status == 0
    assert second.asked == ["cross:en-de", "multi:de", "multi:en"]
    assert run(whole, "whole").out == done.out
    assert read_results(tmp_path / "out").scores == read_results(tmp_path / "whole").scores
    for name in ("per_query.parquet", "runs.parquet"):
        assert pq.read_table(tmp_path / "out" / name).equals(pq.read_table(tmp_path / "whole" / name))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["sampel", "--bm25"], ["unknown dataset 'sampel'; did you mean 'sample'?"]),
        (["sample", "--bm25", "--languages", "de,xx"], ["unknown language 'xx'; "]),
        (["sample", "--bm25", "--settings", "mono,mult"], ["unknown setting 'mult'; did you mean 'multi'?"]),
        (["sample", "--bm25", "--metrics", "mapp"], ["unknown metric 'mapp'; did you mean 'map'?"]),
        (["sample", "--bm25", "--metrics", "map,rank_distance"], ["'rank_distance'", "language bias comes unasked"]),
        (["sample", "--bm25", "--metrics", "recall"], ["needs a cutoff, like recall@10"]),
        (["sample", "--bm25", "--split", "dev"], ["no split 'dev'"]),
        pytest.param(
            ["sample", "--bm25", "--languages", "de", "--settings", "cross"],
            ["'cross' does not exist; it has: mono"],
            marks=pytest.mark.java,
        ),
        (["sample", "--bm25", "--with-paragraph"], ["sample has no option 'with_paragraph'"]),
        (["sample", "--run", "nowhere.trec"], ["nowhere.trec does not exist"]),
        (["xquad-r", "--bm25", "--data-dir", "nowhere"], ["nowhere does not exist, so it holds no xquad-r"]),
    ],
)
def test_domain_errors(
    command: Any, arguments: list[str], parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be measured is one line on stderr, exit 1, and leaves no folder behind."""
    monkeypatch.chdir(tmp_path)
    refused(command("evaluate", *arguments, "--out", "out"), 1, *parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run", "RUN", "--out", "RUN"], "exists and is not a results folder"),
        (["--run", "RUN", "--out", "o", "--model-card", "nowhere"], "nowhere is no folder; expected that of a model"),
        (["--run", "RUN", "--out", "o", "--dataset-option", "paragraphs=true"], "has no option 'paragraphs'"),
        (["--bm25", "--k1", "-1", "--out", "o"], "expected k1 >= 0"),
        (["--model", "toy", "--truncate-dim", "99", "--out", "o"], "of 16 dimensions; truncate_dim 99 is more"),
    ],
)
def test_what_can_be_known_is_said_before_a_corpus_is_loaded(
    command: Any, run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """Fetching and converting a corpus may take hours: no message that can come before may come after."""
    from tests.retrieval.dense.test_sentence_transformers import static_model

    monkeypatch.chdir(tmp_path)
    static_model().save("toy", create_model_card=False)
    monkeypatch.setattr("beir_hybrid.datasets.load_dataset", lambda *_, **__: pytest.fail("loaded before it was said"))
    given = [str(run_file) if each == "RUN" else each for each in arguments]
    done = command("evaluate", "xquad-r", *given)
    assert done.status == 1
    assert said in done.err.splitlines()[-1]


def test_a_malformed_run_is_named_by_line(command: Any, run_file: Path, tmp_path: Path) -> None:
    """A line of another shape, an unknown id and a pair that stands twice are found at path:line."""
    lines = run_file.read_text().splitlines()
    for wrong, message in (
        ("de-q-0000 Q0 de-p-0000", "expected 'query-id Q0 passage-id rank score name'"),
        (lines[0], "twice"),
    ):
        run_file.write_text("\n".join([*lines[:4], wrong, *lines[4:]]))
        done = command("evaluate", "sample", "--run", run_file, "--languages", "de,en", "--out", tmp_path / "out")
        refused(done, 1, f"{run_file}:5: ", message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "--out", "o"], "one of the arguments --model --bm25 --run --retriever is required"),
        (["sample", "--bm25"], "the following arguments are required: --out"),
        (["sample", "--bm25", "--model", "m", "--out", "o"], "not allowed with argument"),
        (["sample", "--bm25", "fast", "--out", "o"], "unknown choice 'fast'"),
        (["sample", "--bm25", "--top-k", "0", "--out", "o"], "'0' is not a whole number of at least 1"),
        (["sample", "--bm25", "--top-k", "²", "--out", "o"], "is not a whole number"),
        (["sample", "--bm25", "--query-prompt", "q: ", "--out", "o"], "--query-prompt needs --model"),
        (["sample", "--run", "r", "--batch-size", "8", "--out", "o"], "--batch-size needs --model"),
        (["sample", "--model", "m", "--k1", "1.2", "--out", "o"], "--k1 needs --bm25"),
        (["sample", "--bm25", "--b", "low", "--out", "o"], "invalid float value: 'low'"),
        (["sample", "--bm25", "--engine", "ray", "--out", "o"], "--engine needs --model"),
        (["sample", "--model", "m", "--engine", "rai", "--out", "o"], "unknown choice 'rai'"),
        (["sample", "--model", "m", "--address", "h:1", "--out", "o"], "--address needs --engine ray"),
        (["sample", "--bm25", "--rerank-depth", "9", "--out", "o"], "--rerank-depth needs --rerank"),
        (["sample", "--model", "m", "--precision", "int4", "--out", "o"], "unknown choice 'int4'"),
        (["sample", "--model", "m", "--memory", "0", "--out", "o"], "'0' is not a whole number of at least 1"),
    ],
)
def test_usage_errors(command: Any, arguments: list[str], message: str) -> None:
    """Arguments that do not fit together are refused with exit 2, never ignored."""
    done = command("evaluate", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err


def test_options_reach_the_retriever(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given is passed on under its name; what is not given is left to the retriever."""
    built: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def build(*arguments: Any, **options: Any) -> Stopping:
        built.append((arguments, options))
        return Stopping(0)

    monkeypatch.setattr("beir_hybrid.retrieval.recognise.build_retriever", build)
    for arguments in (
        ["--bm25", "standard", "--k1", "1.2"],
        ["--bm25"],
        ["--bm25", "--bm25-index", "miracl-v1.0-{language}", "--threads", "3", "--java-memory", "2g"],
        ["--model", "folder", "--query-prompt", "", "--device", "cpu"],
        ["--model", "folder", "--precision", "int8", "--engine", "ray", "--address", "auto"],
        ["--run", "mine.trec"],
    ):
        assert command("evaluate", "sample", *arguments, "--out", tmp_path / "out").status == 130
    assert built == [
        (("bm25",), {"variant": "standard", "k1": 1.2}),
        (("bm25",), {}),
        (("bm25",), {"index": "miracl-v1.0-{language}", "threads": 3, "java_memory": "2g"}),
        (("dense", "folder"), {"query_prompt": "", "device": "cpu"}),
        (("dense", "folder"), {"precision": "int8", "engine": "ray", "address": "auto"}),
        (("run", Path("mine.trec")), {}),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n=4", ("n", 4)),
        ("loud=true", ("loud", True)),
        ("path=a=b.txt", ("path", "a=b.txt")),
        ("name=", ("name", "")),
        ("names=[1, 2]", ("names", [1, 2])),
    ],
)
def test_options_by_name(text: str, expected: tuple[str, Any]) -> None:
    """Values are JSON where they can be, and else the text as it stands."""
    assert key_value(text) == expected


def test_options_of_another_form_are_a_usage_error(command: Any, tmp_path: Path) -> None:
    """No equals sign, no name before it, or options for a retriever that was not named."""
    for option in ("loud", "=1", "a b=1"):
        done = command("evaluate", "sample", "--bm25", "--dataset-option", option, "--out", tmp_path / "x")
        assert (done.status, done.out) == (2, "")
        assert "is not of the form KEY=VALUE" in done.err
    done = command("evaluate", "sample", "--bm25", "--retriever-option", "n=4", "--out", tmp_path / "x")
    assert done.status == 2
    assert "--retriever-option needs --retriever" in done.err


@pytest.mark.parametrize("words", [["--bm25", "sample"], ["sample", "--bm25"], ["--bm25", "standard", "sample"]])
def test_an_option_leaves_the_data_set_alone(words: list[str]) -> None:
    """`--bm25` may go without a value: what follows is one only if it is a variant."""
    args = build_parser().parse_args(["evaluate", *words, "--out", "x", "--languages", "de", "en"])
    assert (args.dataset, args.languages) == ("sample", "de,en")
    assert (args.bm25 == "standard") == ("standard" in words)
    args = build_parser().parse_args(["evaluate", "--languages", "de", "en", "--bm25", "sample", "--out", "x"])
    assert (args.dataset, args.languages) == ("sample", "de,en")

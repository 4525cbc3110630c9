"""`datasets`, `fetch` and `export`: data on stdout, messages on stderr, exit codes a script can rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import list_datasets
from beir_hybrid.errors import DownloadError
from beir_hybrid.registry import DATASETS
from tests.cli.refusals import refused

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments", [[], ["evaluate"], ["datasets"], ["fetch"], ["export"], ["doctor"], ["leaderboard"]]
)
def test_every_command_explains_itself(command: Any, arguments: list[str]) -> None:
    """--help of the program and of each command goes to stdout and succeeds."""
    done = command(*arguments, "--help")
    assert done.status == 0
    assert done.out.startswith(" ".join(["usage: beir-hybrid", *arguments]))
    assert done.err == ""


@pytest.mark.parametrize(
    "arguments", [[], ["evalute"], ["export", "sample"], ["fetch"], ["export", "sample", "out"], ["datasets", "-x"]]
)
def test_a_command_that_is_typed_wrong_is_a_usage_error(command: Any, arguments: list[str]) -> None:
    """Missing or unknown arguments exit with 2 and one line that names the help."""
    refused(command(*arguments), 2, "see: beir-hybrid", "--help")


def test_datasets_as_text(command: Any, no_data: Path) -> None:
    """Every data set with its languages, licence and where its files are."""
    done = command("datasets")
    assert done.status == 0
    assert done.err == ""
    blocks = done.out.splitlines()
    assert [line for line in blocks if not line.startswith(" ")] == list_datasets()
    assert "  sets       arguana climate-fever cqadupstack/android" in done.out
    assert "webis-touche2020 (as beir/arguana)" in done.out
    assert "  languages  ar de el en es hi ru th tr vi zh" in blocks
    assert "  files      in the package" in blocks
    assert f"  files      not there ({no_data / 'data' / 'xquad-r'})" in blocks
    assert "non-commercial" in done.out


def test_datasets_as_json(command: Any, tmp_path: Path, no_data: Path) -> None:
    """--json is one JSON document on stdout, and says which languages are missing where."""
    (tmp_path / "xquad-r").mkdir()
    (tmp_path / "xquad-r" / "de.json").write_text("{}")
    done = command("datasets", "--json", "--data-dir", tmp_path)
    records = {record["name"]: record for record in json.loads(done.out)}
    assert (done.status, done.err) == (0, "")
    assert set(records) == set(list_datasets())
    assert records["sample"] == {
        "name": "sample",
        "summary": records["sample"]["summary"],
        "languages": ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"],
        "splits": ["test", "train"],
        "licence": records["sample"]["licence"],
        "files": "in the package",
        "path": None,
        "missing_languages": [],
    }
    assert records["xquad-r"]["files"] == "partly there"
    assert "de" not in records["xquad-r"]["missing_languages"]
    assert len(records["xquad-r"]["missing_languages"]) == 10
    assert records["mlqa-r"]["files"] == "not there"


@pytest.mark.data
def test_datasets_finds_the_real_files(command: Any, data_dir: Path) -> None:
    """Real folders are seen as complete; MIRACL without a corpus is not there."""
    done = command("datasets", "--json", "--data-dir", data_dir)
    files = {record["name"]: record["files"] for record in json.loads(done.out)}
    assert {name: files[name] for name in ("miracl", "mlqa-r", "sample", "xquad-r", "beir")} == {
        "miracl": "not there", "mlqa-r": "complete", "sample": "in the package", "xquad-r": "complete",
        "beir": "0 of 26 sets there",
    }  # fmt: skip


def test_a_broken_package_hides_no_other_data_set(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third-party data set that cannot be imported is listed as such, beside all others."""
    entries = [
        EntryPoint("broken", "not_installed_at_all:source", DATASETS),
        EntryPoint("sample", "beir_hybrid.datasets.sample:source", DATASETS),
    ]
    monkeypatch.setattr("beir_hybrid.registry.entry_points", lambda group: entries)
    for arguments in (["datasets"], ["doctor"]):
        done = command(*arguments)
        assert done.status == 0
        assert "cannot be loaded" in done.out
        assert "in the package" in done.out


def test_fetch_of_what_needs_no_download(command: Any) -> None:
    """The sample is in the package: fetching it succeeds and prints no path."""
    done = command("fetch", "sample")
    assert (done.status, done.out, done.err) == (0, "", "sample needs no download\n")


def test_fetch_shows_the_licence_and_prints_the_paths(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is downloaded the licence stands on stderr; stdout is the files, one a line."""
    fetched: list[str] = []

    def fake(file: Any, target: Path) -> None:
        fetched.append(file.url)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("{}")

    monkeypatch.setattr("beir_hybrid.datasets.source.download", fake)
    done = command("fetch", "mlqa-r", "--languages", "zh,de", "--data-dir", tmp_path)
    assert done.status == 0
    assert done.out.splitlines() == [str(tmp_path / "mlqa-r" / "de.json"), str(tmp_path / "mlqa-r" / "zh.json")]
    assert "fetching mlqa-r: 2 files. Licence: CC BY-NC 4.0 https://creativecommons.org/licenses/by-nc/4.0/" in done.err
    assert "non-commercial" in done.err
    assert [url.rsplit("/", 3)[1:] for url in fetched] == [
        ["354d67d1cd066854cdfbf5ad0e6105528976141d", "mlqa-r", f"{language}.json"] for language in ("de", "zh")
    ]
    # what is there is not fetched again, and the folder itself may be named
    done = command("fetch", "mlqa-r", "--languages", "zh", "--data-dir", tmp_path / "mlqa-r")
    assert (done.status, done.out, done.err) == (0, f"{tmp_path / 'mlqa-r' / 'zh.json'}\n", "")
    assert len(fetched) == 2


def test_fetch_without_a_connection(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that fails is exit 1; the licence was shown before it."""

    def fail(file: Any, target: Path) -> None:
        raise DownloadError("could not download it")

    monkeypatch.setattr("beir_hybrid.datasets.source.download", fail)
    done = command("fetch", "xquad-r", "--data-dir", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1] == "beir-hybrid: could not download it"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["fetch", "xquadr"], ["unknown dataset 'xquadr'; did you mean 'xquad-r'?"]),
        (["fetch", "xquad-r", "--languages", "de,xx"], ["unknown language 'xx'"]),
        (["fetch", "xquad-r", "--split", "tset"], ["no split 'tset'; did you mean 'test'?"]),
        (["fetch", "miracl", "--languages", "yo", "--split", "train"], ["no train split in 'yo'"]),
        (["export", "sampel", "out", "--setting", "mono:de"], ["unknown dataset 'sampel'; did you mean 'sample'?"]),
        (["export", "sample", "out", "--setting", "mon:de"], ["unknown setting 'mon'; did you mean 'mono'?"]),
        (["export", "sample", "out", "--setting", "mono:xx"], ["unknown language 'xx'"]),
        (["export", "sample", "out", "--setting", "cross:de"], ["must name two languages", "cross:de-en"]),
        (["export", "sample", "out", "--setting", "cross:de-en", "--languages", "de"], ["unknown language 'en'"]),
        (["export", "xquad-r", "out", "--setting", "mono:de", "--data-dir", "/nowhere"], ["/nowhere", "fetch xquad-r"]),
    ],
)
def test_domain_errors(
    command: Any, arguments: list[str], parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be done is one line on stderr and exit 1; nothing is written."""
    monkeypatch.chdir(tmp_path)
    refused(command(*arguments), 1, *parts)
    assert list(tmp_path.iterdir()) == []


def test_export_writes_a_folder_beir_reads(command: Any, tmp_path: Path) -> None:
    """The folder of one setting: its path on stdout, what is in it on stderr."""
    from beir.datasets.data_loader import GenericDataLoader

    done = command("export", "sample", tmp_path / "de-en", "--setting", "cross:de-en")
    assert (done.status, done.out) == (0, f"{tmp_path / 'de-en'}\n")
    assert "cross:de-en of sample: 40 passages, 30 queries, 30 judgments. Licence: Apache-2.0" in done.err
    corpus, queries, qrels = GenericDataLoader(str(tmp_path / "de-en")).load("test")
    assert {key[:2] for key in corpus} == {"en"}
    assert {key[:2] for key in queries} == {"de"}
    assert len(corpus) == 40
    assert len(queries) == len(qrels) == 30
    refused(command("export", "sample", tmp_path / "de-en", "--setting", "mono:de"), 1, "not an empty folder")


def test_export_of_a_split_and_a_smaller_pool(command: Any, tmp_path: Path) -> None:
    """The pool holds the languages asked for; the qrels file carries the split's name."""
    done = command(
        "export", "sample", tmp_path / "out", "--setting", "multi:de", "--languages", "de,th", "--split", "train"
    )
    assert done.status == 0
    assert "176 passages, 66 queries, 132 judgments" in done.err
    assert [path.name for path in (tmp_path / "out" / "qrels").iterdir()] == ["train.tsv"]


def test_a_real_process(tmp_path: Path) -> None:
    """As a process of its own: exit status, one line on stderr, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "beir_hybrid", "export", "sample", str(tmp_path), "--setting", "mono:xx"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    (message,) = _but_at_work(done.stderr)
    assert message.startswith("beir-hybrid: unknown language 'xx'")


def test_a_closed_pipe_is_no_error() -> None:
    """`beir-hybrid datasets | head -0` ends quietly."""
    pipe = subprocess.run(
        f"{sys.executable} -m beir_hybrid datasets | true",
        shell=True, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert (pipe.stdout, _but_at_work(pipe.stderr)) == ("", [])


def _but_at_work(stderr: str) -> list[str]:
    """What was said, but for what every command says on a slow machine."""
    return [line for line in stderr.splitlines() if ": at work, " not in line]


def test_the_version_is_the_installed_one(command: Any) -> None:
    """--version agrees with the package's own."""
    import beir_hybrid

    assert command("--version").out == f"beir-hybrid {beir_hybrid.__version__}\n"


def test_an_interrupt_says_that_work_is_kept(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is exit 130 with one line, as shells expect."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("beir_hybrid.datasets.list_datasets", interrupted)
    refused(command("datasets"), 130, "interrupted")

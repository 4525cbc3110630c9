"""Conversion by several processes: the files of one process, whatever ends it."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from beir_hybrid.corpus import convert, workers
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.errors import BeirHybridError, DatasetError

ROOT = Path(__file__).parents[2]


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.name != ".lock" and path.is_file()}


@pytest.fixture
def sources(write_shards: Any, numbered: Any) -> list[Path]:
    found: list[Path] = write_shards(*(numbered(begin, begin + 30) for begin in range(0, 150, 30)))
    return found


@pytest.mark.slow
def test_processes_change_nothing(sources: list[Path], tmp_path: Path) -> None:
    """Three processes over five shards write byte for byte what one does, digests and manifest included."""
    one = ArrowCorpus.build(sources, tmp_path / "one", workers=1)
    three = ArrowCorpus.build(sources, tmp_path / "three", workers=3)
    assert content_of(three.folder) == content_of(one.folder)


@pytest.mark.slow
def test_a_faulty_shard_is_named_and_others_are_kept(sources: list[Path], tmp_path: Path) -> None:
    """An error in a process is the one line it is in this one; what was finished is not converted again."""
    sources[3].write_bytes(sources[3].read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"docs-3\.jsonl\.gz.*truncated or damaged"):
        ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)
    assert len(list((tmp_path / "corpus").rglob("*.arrow.json"))) >= 2
    assert not list((tmp_path / "corpus").rglob(".*.part"))


@pytest.mark.slow
def test_a_kept_shard_is_not_read_again(sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rerun converts only what is not finished."""
    whole = {path: path.read_bytes() for path in sources[3:]}
    for path, content in whole.items():
        path.write_bytes(content[:-9])
    with pytest.raises(DatasetError, match=r"docs-3"):
        ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)
    for path, content in whole.items():
        path.write_bytes(content)
    given: list[str] = []
    original = workers.Job.write
    monkeypatch.setattr(workers.Job, "write", lambda job, *args: given.append(job.source.name) or original(job, *args))
    ArrowCorpus.build(sources, tmp_path / "corpus", workers=1)
    assert set(given) == {"docs-3.jsonl.gz", "docs-4.jsonl.gz"}


class Ending(workers.Job):
    """A job whose process ends in the middle of it."""

    def write(self, progress: Any = None) -> Any:
        if self.source.name == "docs-2.jsonl.gz":
            os.kill(os.getpid(), int(os.environ["ENDING_SIGNAL"]))
        return super().write(progress)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGKILL, r"docs-.* was killed \(exit code SIGKILL.*want of memory; run again with fewer workers"),
        (signal.SIGSEGV, r"docs-.* crashed \(exit code SIGSEGV.*run again with one worker"),
    ],
)
def test_an_ended_process_is_one_line(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    """Killed is not crashed: only the first may be want of memory. The rerun goes on."""
    monkeypatch.setenv("ENDING_SIGNAL", str(int(number)))
    with monkeypatch.context() as patch:
        patch.setattr(convert, "Job", Ending)
        with pytest.raises(DatasetError, match=message) as caught:
            ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)
    assert "\n" not in str(caught.value)
    again = ArrowCorpus.build(sources, tmp_path / "corpus", workers=1)
    assert content_of(again.folder) == content_of(ArrowCorpus.build(sources, tmp_path / "clean", workers=1).folder)


@pytest.mark.slow
def test_a_disk_that_fails_in_a_process_is_one_line(sources: list[Path], tmp_path: Path) -> None:
    """Files cannot grow beyond a kilobyte, as on a full disk: what could not be written is named."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
        with pytest.raises(BeirHybridError, match=r"could not write .*docs-.*free space or choose another folder"):
            ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)) == 150


@pytest.mark.slow
@pytest.mark.parametrize(("name", "call"), [("write_json", 1), ("write_in_order", 1)])
def test_ctrl_c_ends_the_processes_and_a_rerun_equals_a_clean_run(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    """Wherever it strikes, no process and no temporary file is left, and what the rerun makes is the same."""
    original, calls = getattr(convert, name), []
    before = set(psutil.Process().children())

    def interrupted(*args: Any) -> Any:
        calls.append(name)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(convert, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)
    left = [each for each in set(psutil.Process().children()) - before if "resource_tracker" not in str(each.cmdline())]
    assert left == []
    assert not list((tmp_path / "corpus").rglob("*.part"))
    again = ArrowCorpus.build(sources, tmp_path / "corpus", workers=1)
    assert content_of(again.folder) == content_of(ArrowCorpus.build(sources, tmp_path / "clean", workers=1).folder)


def test_workers_are_at_least_one(sources: list[Path], tmp_path: Path) -> None:
    """None of them is no conversion."""
    with pytest.raises(DatasetError, match="workers is 0; expected 1 or more"):
        ArrowCorpus.build(sources, tmp_path / "corpus", workers=0)


@pytest.mark.slow
def test_a_conversion_that_is_killed_ends_its_processes_and_can_be_repeated(tmp_path: Path) -> None:
    """After kill -9 no process is left writing, and the rerun ends with the bytes of a clean run."""
    folder = tmp_path / "source"
    folder.mkdir()
    sources = []
    for shard in range(4):
        lines = (json.dumps({"docid": f"{shard}#{n}", "title": "", "text": "word " * 40}) for n in range(12_000))
        sources.append(folder / f"docs-{shard}.jsonl.gz")
        sources[-1].write_bytes(gzip.compress("\n".join(lines).encode(), 1))
    code = (
        "from pathlib import Path; from beir_hybrid.corpus.arrow_corpus import ArrowCorpus; import sys;"
        "ArrowCorpus.build([Path(p) for p in sys.argv[2:]], sys.argv[1], workers=2)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "corpus"), *map(str, sources)]
    run = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "corpus").rglob("*.arrow.json")) and run.poll() is None:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=20)  # its processes hold stderr open: it ends when the last of them has gone
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "corpus" / "manifest.json").exists()
    again = ArrowCorpus.build(sources, tmp_path / "corpus", workers=2)
    assert content_of(again.folder) == content_of(ArrowCorpus.build(sources, tmp_path / "clean", workers=1).folder)

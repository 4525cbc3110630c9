"""What is built and installed: all of the package, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import beir_hybrid
from beir_hybrid import list_datasets

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = {"beir_hybrid", "st_hybrid_batch"}


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, source: Path, out: Path) -> Path:
    """A wheel or sdist of source, built with the packages that are installed here."""
    run(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", out, source, cwd=out)
    (built,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_both_packages_and_their_data(wheel: Path) -> None:
    """Sample texts, the table of published files and the type markers are inside; tests and benchmarks are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == PACKAGES
    assert {
        "beir_hybrid/py.typed",
        "beir_hybrid/cli/commands.toml",
        "beir_hybrid/datasets/beir_sets.tsv",
        "beir_hybrid/datasets/miracl_files.tsv",
        "beir_hybrid/datasets/sample_data/test.jsonl",
        "beir_hybrid/datasets/sample_data/train.jsonl",
        "beir_hybrid/language_names.tsv",
        "beir_hybrid/published/expected.json",
        "beir_hybrid/published/languages.csv",
        "beir_hybrid/published/scores.csv",
        "beir_hybrid/published/sources.json",
        "beir_hybrid/report/templates/page.html",
        "beir_hybrid/report/templates/script.js",
        "beir_hybrid/report/templates/style.css",
        "beir_hybrid/studies/shipped/alpha.toml",
        "st_hybrid_batch/__init__.py",
        "st_hybrid_batch/py.typed",
    } <= names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "beir_hybrid").rglob("*.py")}
    assert modules <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_an_installed_wheel_works_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """In a fresh environment both packages import and the sample's files are found; nothing else is importable."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel, cwd=tmp_path)
    code = """
import importlib.util
import beir_hybrid, st_hybrid_batch
from importlib.metadata import entry_points
from importlib.resources import files
print(beir_hybrid.__version__)
print(sorted(entry.name for entry in entry_points(group="beir_hybrid.datasets")))
data = files("beir_hybrid") / "datasets"
print(len((data / "sample_data" / "test.jsonl").read_text(encoding="utf-8").splitlines()))
print(len((data / "miracl_files.tsv").read_text(encoding="utf-8").splitlines()))
print([name for name in ("plugins", "tests", "benchmarks", "torch") if importlib.util.find_spec(name)])
"""
    python = tmp_path / "env" / "bin" / "python"
    assert run(python, "-I", "-c", code, cwd=tmp_path).splitlines() == [
        beir_hybrid.__version__, str(list_datasets()), "10", "290", "[]",
    ]  # fmt: skip
    assert "usage: beir-hybrid" in run(python, "-I", "-m", "beir_hybrid", "--help", cwd=tmp_path)


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """From the source archive alone the same files are built; its tests travel with it."""
    archive = build("sdist", ROOT, tmp_path)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert (source / "tests" / "conftest.py").exists()
    assert not (source / "plugins" / "tests").exists()
    (tmp_path / "dist").mkdir()
    again = build("wheel", source, tmp_path / "dist")
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(wheel).namelist())


def test_an_editable_install_needs_nothing_but_a_path(tmp_path: Path) -> None:
    """pip and uv alike: two folders on the path, and no package (editables) that a set-up may leave out."""
    code = "import hatchling.build, sys; print(hatchling.build.build_editable(sys.argv[1]))"
    name = run(sys.executable, "-c", code, tmp_path, cwd=ROOT).split()[-1]
    with zipfile.ZipFile(tmp_path / name) as built:
        (metadata,) = (built.read(each).decode() for each in built.namelist() if each.endswith("/METADATA"))
        paths = [built.read(each).decode().split() for each in built.namelist() if each.endswith(".pth")]
    assert "editables" not in metadata
    assert paths == [[str(ROOT), str(ROOT / "plugins")]]

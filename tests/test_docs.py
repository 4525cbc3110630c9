"""What the documentation promises: its code runs, its commands exist, its figures are true, its links resolve."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import beir_hybrid
import st_hybrid_batch
from beir_hybrid.cli import build_parser
from beir_hybrid.datasets import get_source, is_registered
from beir_hybrid.disk.locations import DATA_VARIABLE
from beir_hybrid.metrics.measures import DEFAULT_METRICS
from tests.docs.blocks import Block, commands_of, read_blocks
from tests.docs.outputs import differences
from tests.docs.runner import run_page
from tests.report.chromium import Browser, chromium

__all__ = ["chromium"]
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TUTORIAL = DOCS / "tutorial.md"
# a page whose code makes a package of its own, say, is run by a test of its own, which it names in a comment
_TESTED_BY = re.compile(r"<!-- tested by: (\S+) -->")
ELSEWHERE = {page: found[1] for page in PAGES if (found := _TESTED_BY.search(page.read_text(encoding="utf-8")))}
RUN = [
    page
    for page in PAGES
    if page != TUTORIAL and page not in ELSEWHERE and any(b.language in ("sh", "python") for b in read_blocks(page))
]
UNRUN = [
    pytest.param(block, id=f"{page.relative_to(DOCS)}:{block.line}")
    for page in PAGES
    for block in read_blocks(page)
    if block.needs is not None
]


def _name(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> tuple[Path, list[str]]:
    """The folder that the tutorial leaves behind, and what was wrong in it."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv(DATA_VARIABLE, raising=False)
        patch.setenv("HF_HUB_OFFLINE", "1")
        return folder, run_page(TUTORIAL)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without data and hub; what a page exports ends with it."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    before = dict(os.environ)
    os.environ["HF_HUB_OFFLINE"] = "1"
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
@pytest.mark.java
@pytest.mark.train
def test_the_tutorial_runs(tutorial: tuple[Path, list[str]]) -> None:
    """Every command of the tutorial works on a machine with nothing on it, and prints what the page shows."""
    assert tutorial[1] == []


@pytest.mark.slow
@pytest.mark.java
@pytest.mark.train
@pytest.mark.parametrize("page", RUN, ids=_name)
def test_pages_run(
    page: Path, tutorial: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: None
) -> None:
    """Every command and example of a page works after the tutorial, and prints what the page shows."""
    shutil.copytree(tutorial[0], tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    assert run_page(page) == []


@pytest.mark.parametrize("block", UNRUN)
def test_what_cannot_be_run_here_is_checked(block: Block) -> None:
    """A command that needs a network, data or a GPU has known options; an example for one imports what there is."""
    if block.language == "python":
        check_imports(block.code)
        return
    assert block.language == "sh", "only commands and Python need something"
    for command in commands_of(block):
        check_command(shlex.split(command, comments=True))


def test_pages_tested_elsewhere_are() -> None:
    """A page that names a test of its own is read by that test."""
    for page, test in ELSEWHERE.items():
        assert page.name in (ROOT / test).read_text(encoding="utf-8"), f"{page} says that {test} runs it"


def test_every_block_has_a_meaning() -> None:
    """No block is skipped for a language nobody checks, and no output or file is left over."""
    known = {"sh", "python", "text", "toml", "json"}
    for page in PAGES:
        for block in read_blocks(page):
            assert block.language in known, f"{page}:{block.line}: {block.language!r}"
            assert block.output is None or block.language == "text", f"{page}:{block.line}"
            if block.language == "toml":
                tomllib.loads(block.code)


def check_imports(code: str) -> None:
    """Every import of an example resolves, and the rest is Python."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def check_command(words: list[str]) -> None:
    """The options of our commands are real, and so are the targets, scripts and extras of others."""
    match words:
        case ["beir-hybrid", *arguments] | ["python", "-m", "beir_hybrid", *arguments]:
            check_arguments(arguments)
        case ["torchrun", *rest]:
            from torch.distributed.run import get_args_parser

            given = get_args_parser().parse_args(rest)
            assert (given.module, given.training_script) == (True, "beir_hybrid")
            check_arguments(given.training_script_args)
        case ["accelerate", "launch", *rest]:
            from accelerate.commands.launch import launch_command_parser

            given = launch_command_parser().parse_args(rest)
            assert (given.module, given.training_script) == (True, "beir_hybrid")
            check_arguments(given.training_script_args)
        case ["pip", "install" | "download", *rest]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            for name in re.findall(r"\[([a-z,]+)\]", " ".join(rest)):
                assert set(name.split(",")) <= extras["optional-dependencies"].keys()
        case ["make", target]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        case ["python", script, *_] if script.endswith(".py"):
            assert (ROOT / script).exists()
        case ["export", *_] | [".", *_] | ["python3", "-m", "venv", _]:
            pass
        case _:
            raise AssertionError(f"nobody checks {words[0]!r}; teach check_command")


def check_arguments(arguments: list[str]) -> None:
    """A command line of ours as argparse sees it, its data set among those there are."""
    given = build_parser().parse_args(arguments)
    dataset = getattr(given, "dataset", None)
    assert dataset is None or is_registered(dataset)


@pytest.mark.parametrize(
    "words",
    [
        ["beir-hybrid", "evaluate", "sample", "--modell", "x", "--out", "y"],
        ["beir-hybrid", "evaluate", "xquadr", "--bm25", "--out", "y"],
        ["torchrun", "--nproc-per-nodes", "2", "-m", "beir_hybrid", "train"],
        ["accelerate", "launch", "-m", "beir_hybrid", "train", "--gathers"],
        ["pip", "install", "beir-hybrid[everything]"],
        ["make", "docz"],
        ["curl", "x"],
    ],
    ids=" ".join,
)
def test_wrong_commands_are_found(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The check above would notice a renamed option, data set, extra or target."""
    with pytest.raises((AssertionError, SystemExit)):
        check_command(words)


@pytest.mark.parametrize(
    ("shown", "printed", "part", "missing"),
    [
        ("map 0.57\nin 3 s", "map   0.58\nin 14 s", False, []),
        ("map 0.57", "map 0.87", False, ["map 0.57"]),
        ("rank distance 401", "rank distance 397", False, []),
        ("p <.001  +0.5", "p <.001  +0.52", False, []),
        ("mono 1", "multi 1", False, ["mono 1"]),
        ("a\n...\nc", "a\nb\nb\nc", False, []),
        ("a", "a\nb", False, ["(not on the page) b"]),
        ("b", "a\nb\nc", True, []),
        ("c\nb", "a\nb\nc", True, ["b"]),
    ],
)
def test_outputs_are_compared_loosely(shown: str, printed: str, part: bool, missing: list[str]) -> None:
    """Words must agree, numbers nearly, seconds not; a part must stand there in its order."""
    assert differences(shown, printed, part=part) == missing


def test_blocks_are_read_with_their_comments(tmp_path: Path) -> None:
    """A comment belongs to the block right below it, blank lines between or not, and to no other."""
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- needs: network -->\n```sh\na \\\n  b\n# no\nc\n```\n\n<!-- output: part -->\n\n```text\n1\n```\n"
        "<!-- exit: 1 -->\nwords\n```sh\nd\n```\n"
    )
    first, second, third = read_blocks(page)
    assert (first.needs, commands_of(first)) == ("network", ["a    b", "c"])
    assert (second.output, second.code, second.line) == ("part", "1", 12)
    assert (third.needs, third.output, third.status) == (None, None, 0)


def _benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """No measured or computed figure of a page is typed by hand or out of date (the scripts' --write)."""
    plan, tables = _benchmark("capacity_plan", monkeypatch), _benchmark("readme_tables", monkeypatch)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if "<!-- table " in text:
            assert tables.filled(text, plan.TABLES if page == plan.PAGE else tables.TABLES) == text
            assert page == plan.PAGE or page in tables.PAGES


def test_the_capacity_plan_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sums are MIRACL's published totals, and one figure of each kind is what a pocket calculator gives."""
    plan = _benchmark("capacity_plan", monkeypatch)
    assert plan.passages() == 106_332_152
    assert sum(queries for _, queries in plan.MIRACL.values()) == 13_495
    assert set(plan.MIRACL) == set(get_source("miracl").languages)
    assert sum(plan.shard_bytes().values()) == pytest.approx(16.17e9, rel=0.01)
    # 106.3e6 passages x 128 tokens x 2 x 86e6 operations / (312e12 x 0.3) / 3600
    assert plan.gpu_hours("XLM-R base (768)", "A100") == pytest.approx(6.95, abs=0.01)
    assert plan.pairs("multi") == 13_495 * 106_332_152
    assert plan.pairs("mono", "yo") == 119 * 49_043


def test_every_measure_is_defined() -> None:
    """Whatever stands in a result without being asked for has its sentence among the definitions."""
    text = (DOCS / "definitions.md").read_text(encoding="utf-8")
    results = beir_hybrid.evaluate("sample", lambda texts: [[len(text), 1.0] for text in texts], languages="de,en")
    measured = {score.metric.partition(":")[0] for score in results.scores} - {*DEFAULT_METRICS}
    assert {name for name in measured if f"`{name}`" not in text and f"`{name}:" not in text} == set()


_NAMED = re.compile(r"`(\w+)(?:\([^`]*\))?` of\s+`((?:beir_hybrid|st_hybrid_batch)[\w.]*)`")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_names_are_where_a_page_says(page: Path) -> None:
    """What a sentence calls ``name`` of a module can be imported from it."""
    for name, module in _NAMED.findall(page.read_text(encoding="utf-8")):
        assert hasattr(importlib.import_module(module), name), f"{page.name}: {module} has no {name}"


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", head.lower())).strip("-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_resolve(page: Path) -> None:
    """Every link within the documentation leads to a page, and to a heading on it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), f"{page.name} links to {target}"
        assert not anchor or anchor in _anchors(file), f"{page.name} links to {target}"


class _Loader(importlib.import_module("yaml").SafeLoader):  # type: ignore[misc]
    """YAML as MkDocs reads it; what names a Python object is not needed here."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def _navigation(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from _navigation(part)


def test_every_page_is_in_the_navigation() -> None:
    """No page is written and then not found, and no entry leads nowhere."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    entries = list(_navigation(importlib.import_module("yaml").load(text, _Loader)["nav"]))
    assert sorted(entries) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


@pytest.mark.parametrize("package", [beir_hybrid, st_hybrid_batch], ids=lambda package: package.__name__)
def test_every_public_name_is_in_the_reference(package: ModuleType) -> None:
    """Whatever a package offers by name has its entry in the reference."""
    directives = set()
    for page in (DOCS / "reference").glob("*.md"):
        directives |= set(re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    for name in package.__all__:
        home = getattr(package, name).__module__
        parents = {home.rsplit(".", cut)[0] for cut in range(home.count(".") + 1)}
        assert f"{home}.{name}" in directives or parents & directives, f"{home}.{name}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_and_asks_nothing_of_others(site: Path) -> None:
    """`make docs` has no warning, and no page loads a script, style, font or picture from elsewhere."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES) - 1
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\ssrc=[\"']?([^\"'\s>]+)", html)
        loaded += re.findall(r"<link\b[^>]*\shref=[\"']?([^\"'\s>]+)", html)
        assert not [address for address in loaded if re.match(r"(?:https?:)?//", address)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_the_reference_has_no_leftovers_of_markup(site: Path) -> None:
    """Docstrings are rendered, not shown: no Sphinx role, directive or grid table is left."""
    for page in (site / "reference").glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r":(?:class|func|meth|mod|attr):|<p>::</p>|\+-{5,}\+|^::: ", html, re.MULTILINE), page


@pytest.mark.slow
def test_the_help_of_every_command_is_there(site: Path) -> None:
    """The page of the command line is made from the parser, so that no option is missing from it."""
    html = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    for command in ("evaluate", "compare", "fuse", "datasets", "fetch", "export", "leaderboard", "train", "doctor"):
        assert f'<h2 id="{command}">' in html
    assert "--early-stopping" not in html and "--truncate-dim" in html


@pytest.mark.slow
def test_an_option_is_found_as_it_is_typed(
    site: Path, tmp_path: Path, address_of: Callable[[Path], str], chromium: Browser
) -> None:
    """To the site's search a dash means "without this word": whoever types an option means the option."""
    (tmp_path / "site").symlink_to(site)
    chromium.call("Page.navigate", url=address_of(tmp_path / "site" / "index.html"))
    found = chromium.run("""new Promise((resolve) => {
        const type = () => {
            const box = document.querySelector(".md-search__input")
            if (!box) return
            box.focus()
            box.value = box.value === "--truncate-dim" ? "--truncate-dim " : "--truncate-dim"
            box.dispatchEvent(new KeyboardEvent("keyup", {bubbles: true, key: "m"}))
            const first = document.querySelector(".md-search-result__link")
            if (first) resolve(first.getAttribute("href"))
        }
        setInterval(type, 300)
        setTimeout(() => resolve("nothing was found"), 20000)
    })""")
    assert "/how-to/large-corpora.html" in found

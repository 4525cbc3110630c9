"""The project as a whole: one version, small modules, nothing written twice, every public function documented."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import beir_hybrid

ROOT = Path(__file__).parents[1]
BLOCK = 8
TYPED = (ast.FunctionDef, ast.AsyncFunctionDef)


def _weight() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weight", ROOT / "benchmarks" / "weight.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_version() -> None:
    """Package, metadata and citation name the same version, and the changelog knows it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert beir_hybrid.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace(" - ", "\n")


def test_modules_stay_small() -> None:
    """No module owns two nouns: the median is at most 120 lines, the longest at most 400."""
    weight = _weight()
    assert weight.median() <= 120
    assert {path: lines for path, lines in weight.files().items() if lines > 400} == {}


def test_nothing_is_written_twice() -> None:
    """No block of eight lines of code stands in two places of the packages."""
    places = defaultdict[tuple[str, ...], list[str]](list)
    for path in _weight().files():
        lines = [line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]
        code = [
            (number, line)
            for number, line in enumerate(lines, 1)
            if line and not line.startswith(("#", "import ", "from "))
        ]
        for at in range(len(code) - BLOCK + 1):
            block = code[at : at + BLOCK]
            places[tuple(line for _, line in block)].append(f"{path}:{block[0][0]}")
    assert [found for found in places.values() if len(found) > 1] == []


def test_public_functions_are_documented() -> None:
    """Every public class, function and method has a docstring of its own or of the contract that it fulfils.

    An attribute says what it is by name and type; a callback's method is called and documented by its host.
    """
    trees = {path: ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in _weight().files()}
    every = [node for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)]
    classes = {node.name: node for node in every}
    promised = {
        method.name
        for node in every
        if "Protocol" in _bases(node)
        for method in node.body
        if isinstance(method, TYPED) and ast.get_docstring(method)
    }
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees.items()
        for node, inside in _public(tree)
        if not ast.get_docstring(node)
        and not (inside and (node.name in promised or node.name.startswith("on_")))
        and not (inside and _inherits(inside, node.name, classes))
    ]
    assert silent == []


def _public(
    tree: ast.Module,
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, ast.ClassDef | None]]:
    """What a module offers, with the class that it is in."""
    for node in tree.body:
        if not isinstance(node, (*TYPED, ast.ClassDef)) or node.name.startswith("_"):
            continue
        yield node, None
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(method, TYPED) and not method.name.startswith("_"):
                marks = {ast.unparse(mark) for mark in method.decorator_list}
                if not marks & {"property", "cached_property", "functools.cached_property"}:
                    yield method, node


def _bases(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}


def _inherits(node: ast.ClassDef, name: str, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether a base of ours documents the method."""
    return any(
        any(isinstance(m, TYPED) and m.name == name and ast.get_docstring(m) for m in classes[base].body)
        or _inherits(classes[base], name, classes)
        for base in _bases(node) & classes.keys()
    )

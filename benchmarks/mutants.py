"""Seeded faults: how many of the wrong operators and constants that are put into a module its tests notice.

    python benchmarks/mutants.py --sample 60 --seed 0 --out benchmarks/results/mutants.json

Every comparison, arithmetic operator, boolean and number in the modules of a room is a place for a fault: one is turned
into another, one at a time, in memory (no file is changed), and the room's tests run until the first failure. A sample
is drawn for each room with the seed. Faults that survive are listed; those in ``EQUIVALENT`` change no result.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import re
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ROOMS = {
    "comparison": ["tests/report/test_golden_tables.py", "tests/comparison"],
    "report": ["tests/report/test_golden_page.py", "tests/report", "tests/cli/test_leaderboard_command.py"],
    "studies/analysis": ["tests/studies/analysis/test_golden.py", "tests/studies/analysis"],
    "metrics": ["tests/metrics", "tests/test_fusion.py", "tests/comparison/test_ranx_report.py", "tests/evaluation"],
}
# they take longer than all others together, and what compiles for itself does not load the fault
SLOW = (
    "tests/metrics/test_ranx_compiled.py",
    "tests/evaluation/test_evaluate.py::test_runs_that_were_written_evaluate_to_the_same_numbers",
)
# how work is cut into blocks, where an optimum is looked for, how a figure or JSON is laid out, and which columns of a
# table without numbers are text: a fault there changes nothing that is read
EQUIVALENT = (
    "_BLOCK", "_LOG_RANGE", "_MANY = ", "_COLUMNS", "_BATCH", "_LARGEST", "_SETTINGS", "_SLICE", "COUNT",
    "figure.", "axes.", 'Table("Versions"', 'Table("Data sets"', "size=", "ensure_ascii=",
    "trim_blocks=", "_names(int(", "hexdigest()[:8]", "_RANKS = ", "row.value * direction(", "set_in_layout",
    "reshape(n, systems, -1)",
)  # fmt: skip
NEAREST = 2
"""Test files that are run before the others of a room."""
PATIENCE = 120
"""Processor seconds: a fault whose tests take longer runs in circles, and is noticed."""
_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One change: the place-th node of a module that can be changed."""

    module: str
    path: str
    place: int
    line: int
    text: str


def faults(path: Path) -> list[Fault]:
    """All that can be put into a module, in its order."""
    relative = path.relative_to(ROOT)
    module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for place, (node, change) in enumerate(_places(ast.parse("\n".join(lines)))):
        line = getattr(node, "lineno", 0)
        if not any(name in lines[line - 1] for name in EQUIVALENT):
            found.append(Fault(module, str(relative), place, line, f"{change}: {lines[line - 1].strip()}"))
    return found


def _places(tree: ast.Module) -> Iterator[tuple[Any, str]]:
    """The nodes that can be changed, and how; annotations, error messages and zip's ``strict`` are none."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop(0)
        if isinstance(node, ast.Raise | ast.Assert) or (isinstance(node, ast.keyword) and node.arg == "strict"):
            continue
        children = [
            child
            for name, value in ast.iter_fields(node)
            if name not in ("annotation", "returns", "decorator_list")
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        ]
        if isinstance(node, ast.JoinedStr):
            children = [child for child in children if isinstance(child, ast.FormattedValue)]
        if isinstance(node, ast.FormattedValue):
            children = [node.value]
        left = children + left
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
            yield node, "comparison"
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _OPERATORS:
            union = isinstance(node, ast.BinOp) and any(isinstance(each, ast.Constant) and isinstance(each.value, str)
                                                        for each in (node.left, node.right))  # fmt: skip
            if not union:
                yield node, "operator"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
            yield node, "sign"
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            yield node, "constant"


def mutated(source: str, place: int) -> ast.Module:
    """The module with one change."""
    tree = ast.parse(source)
    node = next(node for at, (node, _) in enumerate(_places(tree)) if at == place)
    if isinstance(node, ast.Compare):
        node.ops[0] = _OPERATORS[type(node.ops[0])]()  # type: ignore[call-overload]
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.UnaryOp):
        kept = copy.copy(node.operand)
        node.op, node.operand = (
            (ast.UAdd(), kept) if isinstance(node.op, ast.USub) else (ast.Not(), ast.UnaryOp(ast.Not(), kept))
        )
    else:
        node.op = _OPERATORS[type(node.op)]()
    return ast.fix_missing_locations(tree)


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module with its fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.fault.module:
            return None
        return importlib.util.spec_from_file_location(name, ROOT / self.fault.path, loader=self)

    def create_module(self, spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        source = (ROOT / self.fault.path).read_text(encoding="utf-8")
        code = compile(mutated(source, self.fault.place), self.fault.path, "exec")
        exec(code, module.__dict__)  # our own module, changed

    def get_data(self, path: str) -> bytes:
        return Path(path).read_bytes()


def nearest_first(fault: Fault, room: str) -> list[str]:
    """The test files of a room: first those called as the module, then those that name it, then the others."""
    of_path = {path: path.rglob("test_*.py") if path.is_dir() else [path] for path in map(Path, ROOMS[room])}
    files = dict.fromkeys(file for found in of_path.values() for file in sorted(found))
    stem = fault.module.rpartition(".")[2]

    def distance(file: Path) -> tuple[bool, bool]:
        return file.stem != f"test_{stem}", not re.search(rf"\b{stem}\b", file.read_text(encoding="utf-8"))

    return [str(file) for file in sorted(files, key=distance)]


def noticed(fault: Fault | None, tests: Sequence[str]) -> bool:
    """Whether the tests fail with a fault, in a process of their own; without one they must not."""
    child = os.fork()
    if child == 0:
        import pytest

        # processor seconds, not the clock's: a busy machine finds no fault that the tests do not
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        if fault is not None:
            sys.meta_path.insert(0, _Loader(fault))
        skipped = [part for slow in SLOW for part in ("--deselect", slow)]
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *skipped, *tests])))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", default=list(ROOMS), help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, default=0, help="faults a room (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ["PATH"] = ""  # no browser: what it shows is also read without one
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    for library in (
        "formulaic", "hypothesis", "jinja2", "matplotlib.figure", "pandas", "pyarrow.parquet", "pydantic", "pytest",
        "ranx", "scipy.optimize", "scipy.stats",
    ):  # fmt: skip
        importlib.import_module(library)  # loaded once, for every process that is forked from this one

    record: dict[str, Any] = {"sample": args.sample or "all", "seed": args.seed, "rooms": {}}
    for room in args.rooms:
        every = [fault for path in sorted((ROOT / "beir_hybrid" / room).rglob("*.py")) for fault in faults(path)]
        chosen = every
        if args.sample and args.sample < len(every):
            chosen = random.Random(args.seed).sample(every, args.sample)
        if noticed(None, ROOMS[room]):
            raise SystemExit(f"{room}: its tests fail without a fault")
        survived = []
        for at, fault in enumerate(chosen, 1):
            tests = nearest_first(fault, room)
            # most faults are noticed by the nearest, which costs less than collecting all
            if not any(noticed(fault, some) for some in (tests[:NEAREST], tests[NEAREST:]) if some):
                survived.append(fault)
                sys.stderr.write(f"survived: {fault.path}:{fault.line}: {fault.text}\n")
            if at % 10 == 0:
                sys.stderr.write(f"{room}: {at} of {len(chosen)}, {len(survived)} survived\n")
        record["rooms"][room] = {
            "faults": len(every),
            "tried": len(chosen),
            "caught": len(chosen) - len(survived),
            "survived": [f"{fault.path}:{fault.line} {fault.text}" for fault in survived],
        }
        sys.stdout.write(f"{room}: {len(chosen) - len(survived)} of {len(chosen)} caught\n")
        if args.out:
            args.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

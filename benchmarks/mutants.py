"""Seeded faults: how many of the wrong operators and constants that are put into a module its tests notice.

    python benchmarks/mutants.py                                       # all, of every room
    python benchmarks/mutants.py report --sample 40 --seed 61 --out benchmarks/results/mutants.json

Every comparison, arithmetic operator, boolean and number in the modules of a room is a place for a fault. The tests run
once, to see which statements each of them executes; then, for one fault at a time, a process is forked in which all is
imported, the fault is put in (no file is changed), and the tests that execute its statement run, the quickest first,
until one fails. Faults that survive are listed; those in ``EQUIVALENT`` change nothing that is read.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import gc
import importlib
import itertools
import json
import os
import pickle
import random
import resource
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "report": ("tests/report", "tests/cli/test_leaderboard_command.py"),
    "comparison": ("tests/comparison", "tests/report"),
    "metrics": ("tests/metrics", "tests/test_fusion.py", "tests/comparison/test_ranx_report.py", "tests/evaluation"),
    "studies/analysis": ("tests/studies/analysis",),
}
# what compiles for itself does not load the fault; what takes longer than all others together
SLOW = (
    "tests/metrics/test_ranx_compiled.py",
    "tests/evaluation/test_evaluate.py::test_runs_that_were_written_evaluate_to_the_same_numbers",
)
EQUIVALENT = {
    "_BLOCK": "how work is cut into blocks", "_LARGEST": "likewise",
    "reshape(n, systems, -1)": "any negative number is the same here",
    "_LOG_RANGE": "where an optimum is looked for",
    "_MANY = ": "how many are named before `and more`", "_COLUMNS": "likewise", "COUNT": "how many queries are shown",
    "_SETTINGS": "likewise", "_RANKS = ": "likewise",
    "figure.": "how a figure is laid out", "axes.": "likewise", "size=": "likewise", "set_in_layout": "likewise",
    "side = 0.32": "likewise",
    'Table("Versions"': "which columns of a table without numbers are text", 'Table("Data sets"': "likewise",
    "ensure_ascii=": "how JSON is written", "trim_blocks=": "blank space of the page",
    "units = 1 + max(": "coins that turn nothing", "metric.cutoff or 1": "precision has a cutoff",
    "fused.rank[place]": "what no system retrieved counts the same whatever is tried",
    "width = 1 + max(": "room for one more number", "width = int(long.max())": "of no hits there is no rank",
    "_names(int(": "room for one more name",
    "run.sorted": "what is in order is not sorted again",
    "row.value * direction(": "a direction is 1 or -1", "difference * sign": "likewise; of 0 nothing is counted",
}  # fmt: skip
PATIENCE = 120
"""Processor seconds: a fault whose tests take longer runs in circles, and is noticed."""
_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One change: the place-th node of a module that can be changed.

    Attributes:
        lines: of its statement (of one with a body: of its head); those of the module where it is in no function.
    """

    path: Path
    place: int
    lines: range
    text: str


def faults(path: Path) -> list[Fault]:
    """All that can be put into a module, in its order, but for those that change nothing."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    found = []
    for place, (node, statement) in enumerate(_places(ast.parse(source))):
        line = lines[node.lineno - 1].strip()
        if not any(name in line for name in EQUIVALENT):
            before, after = ast.unparse(node), ast.unparse(changed(node))
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            found.append(
                Fault(path, place, statement or range(1, len(lines) + 1), f"{where}: {before} -> {after}: {line}")
            )
    return found


def _places(tree: ast.Module) -> Iterator[tuple[Any, range | None]]:
    """The nodes that can be changed, each with its statement; annotations, error messages and ``strict`` are none."""
    left: list[tuple[ast.AST, range | None, bool]] = [(tree, None, False)]
    while left:
        node, statement, inside = left.pop()
        if isinstance(node, ast.Raise | ast.Assert) or (isinstance(node, ast.keyword) and node.arg == "strict"):
            continue
        if isinstance(node, ast.stmt) and inside:
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            end = (body[0].pattern if isinstance(node, ast.Match) else body[0]).lineno - 1 if body else node.end_lineno
            statement = range(node.lineno, max(node.lineno, end) + 1)
        unread = {"annotation", "returns", "decorator_list"} | (
            {"format_spec"} if isinstance(node, ast.FormattedValue) else set()
        )
        children = []
        for name, value in ast.iter_fields(node):
            within = inside or (isinstance(node, ast.FunctionDef) and name == "body")
            for child in value if isinstance(value, list) else [value]:
                literal = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)
                if isinstance(child, ast.AST) and name not in unread and not literal:
                    children.append((child, statement if inside else None, within))
        left += reversed(children)
        changes = (
            (isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS)
            or (isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _OPERATORS and not _of_text(node))
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not))
            or (isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float))
        )
        if changes:
            yield node, statement


def _of_text(node: ast.AST) -> bool:
    return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in ast.iter_child_nodes(node))


def changed(node: Any) -> Any:
    """A node with its fault."""
    new = copy.deepcopy(node)
    if isinstance(node, ast.Compare):
        new.ops[0] = _OPERATORS[type(node.ops[0])]()  # type: ignore[call-overload]
    elif isinstance(node, ast.Constant):
        new.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.UnaryOp):
        return new.operand
    else:
        new.op = _OPERATORS[type(node.op)]()
    return new


class _Change(ast.NodeTransformer):
    def __init__(self, node: ast.AST) -> None:
        self.node = node

    def visit(self, node: ast.AST) -> Any:
        return ast.copy_location(changed(node), node) if node is self.node else self.generic_visit(node)


def put_in(fault: Fault, functions: dict[tuple[str, str, int], list[FunctionType]]) -> None:
    """Change what is imported: the code of the function; of what stands in none, the module and all that names it."""
    source, name = fault.path.read_text(encoding="utf-8"), str(fault.path)
    tree = ast.parse(source)
    node = next(node for at, (node, _) in enumerate(_places(tree)) if at == fault.place)
    before = compile(source, name, "exec")
    after = compile(ast.fix_missing_locations(_Change(node).visit(tree)), name, "exec")
    codes = [new for old, new in zip(_functions(before), _functions(after), strict=True) if old != new]
    held = [(own, code) for code in codes for own in functions.get((name, code.co_qualname, code.co_firstlineno), ())]
    for own, code in held:
        own.__code__ = code
    if not held:
        module = next(each for each in list(sys.modules.values()) if getattr(each, "__file__", None) == name)
        old = dict(vars(module))
        exec(after, vars(module))  # our own module, changed
        for other, (key, value) in itertools.product(list(sys.modules.values()), old.items()):
            if not key.startswith("__") and vars(other).get(key) is value:
                setattr(other, key, getattr(module, key))


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The outermost functions of a module and its classes; those inside them are part of their code."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_flags & 1:  # optimized: a function, no class
                yield each
            else:
                yield from _functions(each)


@dataclass
class Executed:
    """What a test, or what it shares with others, took and executed: ``{file: lines}``."""

    seconds: float = 0.0
    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


class Tests:
    """Pytest's part: runs the tests once under a trace, then those of each fault, all in processes of their own."""

    def __init__(self, work: Callable[[Tests], None]) -> None:
        self.work = work
        self.items: Sequence[pytest.Item] = ()
        self.failed: list[str] = []
        self.executed: dict[Any, Executed] = defaultdict(Executed)
        self.now: Executed | None = None
        self.functions: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        gc.unfreeze()
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                code = each.__code__
                self.functions[code.co_filename, code.co_qualname, code.co_firstlineno].append(each)
        gc.freeze()  # what is imported is neither looked through nor copied by the processes to come
        self.work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed += [report.nodeid] if report.failed else []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[Any]:
        with self._counted((fixturedef.baseid, fixturedef.argname)):
            return (yield)

    @contextlib.contextmanager
    def _counted(self, key: Any) -> Iterator[None]:
        outer, self.now = self.now, self.executed[key]
        begun = time.process_time()
        try:
            yield
        finally:
            self.now.seconds += time.process_time() - begun
            self.now = outer

    def run(self, items: Sequence[pytest.Item]) -> bool:
        """Whether all pass; until the first that does not."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            with self._counted(item.nodeid):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return False
        return True

    def record(self, files: set[str]) -> dict[str, Executed]:
        """What each test executes of the files, with what it shares with others."""

        def calls(frame: FrameType, event: str, _: Any) -> Any:
            return steps if frame.f_code.co_filename in files else None

        def steps(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line" and self.now is not None:
                self.now.lines[frame.f_code.co_filename].add(frame.f_lineno)
            return steps

        def all_of_them() -> Any:
            threading.settrace(calls)
            sys.settrace(calls)
            self.run(self.items)
            sys.settrace(None)
            return self.failed, {key: (own.seconds, dict(own.lines)) for key, own in self.executed.items()}

        failed, found = _in_fork(all_of_them)
        if failed:
            raise SystemExit(f"it fails without a fault: {failed[0]}")
        whole = {}
        for item in self.items:
            shared = [
                (each.baseid, each.argname)
                for own in item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
                for each in own
            ]
            whole[item.nodeid] = Executed()
            for key in (item.nodeid, *shared):
                seconds, lines = found.get(key, (0.0, {}))
                whole[item.nodeid].seconds += seconds
                for file, own in lines.items():
                    whole[item.nodeid].lines[file] |= own
        return whole

    def notice(self, fault: Fault, executed: dict[str, Executed]) -> str:
        """The first test that executes the fault's statement and fails with it; empty: none does."""

        def some_of_them() -> str:
            put_in(fault, self.functions)
            lines = {name: executed[name].lines[str(fault.path)] for name in executed}
            near = [item for item in self.items if not lines[item.nodeid].isdisjoint(fault.lines)]
            self.run(sorted(near, key=lambda item: executed[item.nodeid].seconds))
            return "".join(self.failed)

        found = _in_fork(some_of_them, PATIENCE)
        return "its process ended" if found is None else str(found)

    def sound(self, test: str) -> bool:
        """Whether a test that noticed a fault passes without it."""
        return _in_fork(lambda: self.run([item for item in self.items if item.nodeid == test])) is True


def _in_fork(work: Callable[[], Any], patience: int = resource.RLIM_INFINITY) -> Any:
    """What is found in a process of its own; None where it dies, or takes more processor seconds."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CPU, (patience, patience))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(work(), pipe)
        finally:
            os._exit(0)  # whatever was raised: what is above is the other process's
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(told) if told else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", default=list(ROOMS), help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, default=0, help="faults a room (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="those whose place (path:line) holds this")
    parser.add_argument("--out", type=Path, help="what was found is added to this file")
    args = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]
    os.environ["PATH"] = ""  # no browser: what it shows is also read without one
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    paths = {room: sorted((ROOT / "beir_hybrid" / room).rglob("*.py")) for room in args.rooms}
    for library in (
        "formulaic", "hypothesis", "jinja2", "matplotlib.figure", "matplotlib.backends.backend_svg", "pandas",
        "pyarrow.parquet", "pydantic", "ranx", "scipy.optimize", "scipy.stats",
    ):  # fmt: skip
        importlib.import_module(library)  # loaded once, for every process that is forked from this one
    for path in itertools.chain(*paths.values()):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))

    def work(tests: Tests) -> None:
        executed = tests.record({str(path) for path in itertools.chain(*paths.values())})
        seconds = sum(each.seconds for each in executed.values())
        sys.stderr.write(f"{len(tests.items)} tests, {seconds:.0f} s\n")
        for room in args.rooms:
            every = [fault for path in paths[room] for fault in faults(path) if args.only in fault.text]
            chosen = random.Random(args.seed).sample(every, min(args.sample or len(every), len(every)))
            survived = []
            for at, fault in enumerate(chosen, 1):
                by = tests.notice(fault, executed)
                if not by:
                    survived.append(fault.text)
                    sys.stderr.write(f"survived: {fault.text}\n")
                elif at % 5 == 0 and not tests.sound(by):
                    raise SystemExit(f"{by} fails without {fault.text}")
                if at % 20 == 0:
                    sys.stderr.write(f"{room}: {at} of {len(chosen)}, {len(survived)} survived\n")
            sys.stdout.write(f"{room}: {len(chosen) - len(survived)} of {len(chosen)} caught\n")
            found = {
                "faults": len(every),
                "tried": len(chosen),
                "caught": len(chosen) - len(survived),
                "seed": args.seed,
            }
            if args.out:
                record = json.loads(args.out.read_text(encoding="utf-8")) if args.out.exists() else {"rooms": {}}
                record["rooms"].setdefault(room, []).append(
                    found | {"survived": [{"fault": text} for text in sorted(survived)]}
                )
                args.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    files = dict.fromkeys(file for room in args.rooms for file in ROOMS[room])
    skipped = [part for slow in SLOW for part in ("--deselect", slow)]
    with tempfile.TemporaryDirectory() as folder:
        options = ["-q", "-p", "no:cacheprovider", "--basetemp", f"{folder}/own", "--capture=sys", *skipped, *files]
        raise SystemExit(int(pytest.main(options, plugins=[Tests(work)])))


if __name__ == "__main__":
    main()

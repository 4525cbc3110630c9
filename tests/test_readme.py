"""What the README promises: its code runs, its tables are those of the committed results."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def _readme_tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "benchmarks" / "readme_tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure in the README is typed by hand or out of date (benchmarks/readme_tables.py --write)."""
    assert _readme_tables(monkeypatch).filled(README) == README


@pytest.mark.slow
@pytest.mark.java
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_blocks_run(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Every Python example can be pasted and run."""
    exec(compile(BLOCKS[number], f"README.md, block {number}", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("command", re.findall(r"^beir-hybrid (\S+)", README, re.MULTILINE))
def test_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No command of the README is unknown."""
    from beir_hybrid.cli import main

    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0 and command in capsys.readouterr().out
    assert "beir_hybrid" in sys.modules

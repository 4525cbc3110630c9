import ast
import subprocess
import sys
from pathlib import Path

import st_hybrid_batch

PACKAGE = Path(st_hybrid_batch.__file__).parent


def test_import_is_light():
    """Naming the package must not cost the seconds that torch and datasets take."""
    code = (
        "import sys, st_hybrid_batch; "
        "print([m for m in ('torch', 'datasets', 'sentence_transformers', 'numpy') if m in sys.modules])"
    )
    got = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(PACKAGE.parent)},
    )
    assert got.stdout.strip() == "[]"


def test_never_imports_the_core():
    """The plugin is for people who train and never evaluate with beir_hybrid."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "beir_hybrid"], path


def test_every_export_exists():
    """A lazy name that cannot be loaded fails only when first used."""
    for name in st_hybrid_batch.__all__:
        assert getattr(st_hybrid_batch, name).__module__.startswith("st_hybrid_batch.")

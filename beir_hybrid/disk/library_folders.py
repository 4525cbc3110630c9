"""Where libraries may write. Called before numba compiles, and before ranx and ir_datasets are imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from beir_hybrid.disk.locations import cache_dir


def give_libraries_folders() -> None:
    """Name a folder in our cache to libraries that could write nowhere, as in a container that may not be changed.

    numba keeps what it compiled beside the code or in the user's home, and refuses to compile where neither can be
    written to; ir_datasets, which ranx imports, makes a folder in the home. What ``NUMBA_CACHE_DIR`` and
    ``IR_DATASETS_HOME`` say is heeded.
    """
    import numba

    libraries = Path(numba.__file__).parents[1], Path(__file__).parent
    if not numba.config.CACHE_DIR and not all(map(_writable, libraries)):
        numba.config.CACHE_DIR = str(_made("compiled"))
    if "IR_DATASETS_HOME" not in os.environ and not _writable(Path.home() / ".ir_datasets"):
        os.environ["IR_DATASETS_HOME"] = str(_made("ir_datasets"))


def _writable(folder: Path) -> bool:
    """Whether a folder may be written to, or be made."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return os.access(there, os.W_OK)


def _made(name: str) -> Path:
    folder = cache_dir() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # for this process alone
        folder = Path(tempfile.mkdtemp(prefix=f"beir-hybrid-{name}-"))
    return folder

"""A browser where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.report.chromium import Browser, browser, find_chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser; skips with the reason where there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium: install one (apt-get install chromium) or name it in BEIR_HYBRID_CHROMIUM")
    with browser(program) as running:
        yield running

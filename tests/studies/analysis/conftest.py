"""A browser where there is one."""

from __future__ import annotations

from tests.report.chromium import chromium

__all__ = ["chromium"]

"""Names of settings and tasks, as users type them."""

from __future__ import annotations

import re

import pytest

from beir_hybrid.errors import SettingError
from beir_hybrid.settings import parse_settings, parse_task_name

LANGUAGES = ("de", "en", "pt", "pt-br")


def test_settings_come_in_one_order_each_once() -> None:
    """However they are written, settings run mono, cross, multi; None means all."""
    assert parse_settings("multi, mono,multi") == ("mono", "multi")
    assert parse_settings(["cross"]) == ("cross",)
    assert parse_settings(None) == ("mono", "cross", "multi")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("mon", "unknown setting 'mon'; did you mean 'mono'? known: cross, mono, multi"),
        ("mono,multy", "unknown setting 'multy'; did you mean 'multi'?"),
        ("", "unknown setting ''"),
        ([], "no setting was given"),
    ],
)
def test_unknown_settings(names: str | list[str], message: str) -> None:
    """A typo gets the closest name."""
    with pytest.raises(SettingError, match=re.escape(message)):
        parse_settings(names)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("mono:de", ("mono", "de", None)),
        ("multi:pt-br", ("multi", "pt-br", None)),
        ("cross:de-en", ("cross", "de", "en")),
        ("cross:en-de", ("cross", "en", "de")),
        ("cross:pt-br-pt", ("cross", "pt-br", "pt")),
        ("cross:pt-pt-br", ("cross", "pt", "pt-br")),
    ],
)
def test_task_names_put_the_query_language_first(name: str, parsed: tuple[str, str, str | None]) -> None:
    """The pair is read query first, also where a code has a hyphen of its own."""
    assert parse_task_name(name, LANGUAGES) == parsed


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mono", "'mono' names no language; write it like mono:de"),
        ("cross:", "'cross:' names no language; write it like cross:de-en"),
        ("mno:de", "unknown setting 'mno'; did you mean 'mono'?"),
        ("mono:dee", "unknown language 'dee'; known: de, "),
        ("multi:all", "unknown language 'all'"),
        ("cross:de", "must name two languages, query language first, like cross:de-en"),
        ("cross:de-fr", "unknown language 'fr'"),
        ("cross:xx-de", "unknown language 'xx'"),
        ("cross:de-en-pt", "must name two languages"),
    ],
)
def test_malformed_task_names(name: str, message: str) -> None:
    """Every way to get a task's name wrong is answered with the right form or the languages there are."""
    with pytest.raises(SettingError, match=re.escape(message)):
        parse_task_name(name, LANGUAGES)

"""Language codes as they are typed and written in files (``deu``, ``zh-Hans``, ``por-BR``), and those in use here.

Every code that enters passes here: ``--languages``, names of settings, records and folders of data sets. Codes in use
are ISO 639-1, else 639-3; a script that is not the language's usual one follows after an underscore, so that ids that
begin ``zh-`` are never those of ``zh_Hant``. What codes mean is langcodes' knowledge (CLDR's).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from beir_hybrid.errors import SettingError

_KEPT = {"tgl": "tl", "tl": "tl", "fuv": "ff", "pbt": "ps"}
"""Codes in use that CLDR would replace, or knows no shorter one of."""


class AnyLanguage(tuple[str, ...]):
    """The languages of a data set that does not say its own: every code is in it, and none is listed."""

    def __contains__(self, code: object) -> bool:
        return isinstance(code, str) and find_code(code) == code


def language_code(given: str) -> str:
    """The code in use: ``de`` for ``deu``, ``ger`` and ``de-AT``, ``zh`` for ``cmn`` and ``zh-Hans``, ``zh_Hant``.

    Arabic dialects (``arz``) keep their own code, and so does Bokmål (``nb``) beside ``no``. Countries are left out.

    Raises:
        SettingError: no language has this code.
    """
    found = find_code(given)
    if found is None:
        code = code_of_name(given)
        hint = f"did you mean {code!r}?" if code else "expected ISO 639-1, such as de"
        raise SettingError(f"{given!r} is no language code; {hint}")
    return found


@cache
def _names() -> Mapping[str, str]:
    """Codes by the names of their languages, in English and in the language itself (CLDR 47), without capitals."""
    text = (files("beir_hybrid") / "language_names.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return {name.casefold(): code for code, *names in rows for name in names}


def code_of_name(given: str) -> str | None:
    """The code of the language that a name is meant for, be it misspelt: ``de`` for ``German`` and ``deutsch``."""
    close = difflib.get_close_matches(given.strip().casefold(), _names(), n=1, cutoff=0.8)
    return _names()[close[0]] if close else None


@cache
def find_code(given: str) -> str | None:
    """The code in use (see `language_code`), None if no language has this code."""
    import langcodes

    tag = given.strip().replace("_", "-")
    if not langcodes.tag_is_valid(tag):
        return None
    whole = langcodes.Language.get(langcodes.standardize_tag(tag, macro=True))
    code = _KEPT.get(tag.partition("-")[0].lower(), whole.language)
    if code is None:
        return None
    likely = langcodes.Language.make(language=code).maximize()
    unknown = likely.territory == "US" and code != "en"  # what CLDR makes of codes that it knows nothing about
    if whole.script in (None, likely.script) or unknown or (likely.script, whole.script) == ("Kore", "Hang"):
        return str(code)
    return f"{code}_{whole.script}"


def find_language(given: str, languages: Sequence[str]) -> str | None:
    """The one of ``languages`` that a code stands for, however it is written; None if none or several do."""
    if given in languages:
        return given
    code = find_code(given)
    if code is None or isinstance(languages, AnyLanguage):
        return code
    if code in languages:
        return code
    same = [language for language in languages if find_code(language) == code]
    return same[0] if len(same) == 1 else None if same else _closest(code, languages)


def _closest(code: str, languages: Sequence[str]) -> str | None:
    """Of codes that mean nearly the same: ``nb`` and ``no``."""
    import langcodes

    tags = {language.replace("_", "-"): language for language in languages if find_code(language)}
    found, _ = langcodes.closest_match(code.replace("_", "-"), list(tags), max_distance=1)
    return tags.get(found)


def check_language(given: str, languages: Sequence[str]) -> str:
    """The one of ``languages`` that a code stands for.

    Raises:
        SettingError: it stands for none of them; says which there are.
    """
    found = find_language(given, languages)
    if found is not None:
        return found
    if isinstance(languages, AnyLanguage):
        return language_code(given)
    # no guess from a code: of two that look alike neither means the other
    meant = None if find_code(given) else code_of_name(given)
    hint = f"did you mean {there!r}? " if meant and (there := find_language(meant, languages)) else ""
    raise SettingError(f"unknown language {given!r}; {hint}known: {', '.join(sorted(languages)) or 'none'}")

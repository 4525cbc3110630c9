"""Language codes of other tools (``arb-Arab``, ``zho-Hans``) as the short ones used here, and back."""

from __future__ import annotations

from collections.abc import Iterable

import langcodes

from beir_hybrid.languages import find_code


def short_codes(tags: Iterable[str]) -> dict[str, str]:
    """For each tag a code of its own: ``ar`` for ``arb-Arab``, ``zh`` for ``zho-Hans``.

    Tags of one language keep what tells them apart: their scripts (``zh_Hans``, ``zh_Hant``) where these differ, else
    the codes of the variety (``arb``, ``acm``).
    """
    by_language: dict[str, list[str]] = {}
    for tag in dict.fromkeys(tags):
        code = find_code(tag) or tag.partition("-")[0]  # of a programming language, its name
        by_language.setdefault(code.partition("_")[0], []).append(tag)
    found: dict[str, str] = {}
    for language, same in by_language.items():
        if len(same) == 1:
            found[same[0]] = language
            continue
        scripts = {tag: langcodes.Language.get(tag).script for tag in same}
        apart = len(set(scripts.values())) == len(same) and all(scripts.values())
        for tag in same:
            found[tag] = f"{language}_{scripts[tag]}" if apart else langcodes.Language.get(tag).language
    return found


def long_code(code: str) -> str:
    """The code of ISO 639-3 and the script, as mteb writes them: ``deu-Latn`` for ``de``."""
    language = langcodes.Language.get(code.replace("_", "-"))
    return f"{language.to_alpha3()}-{language.maximize().script}"

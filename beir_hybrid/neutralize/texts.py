"""The texts that are learnt from: by role and language, from parallel groups, a data set or plain text files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from beir_hybrid.datasets.sample import sample_groups
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import NeutralizeError, SettingError
from beir_hybrid.languages import language_code
from beir_hybrid.neutralize.geometry import ROLES, Role
from beir_hybrid.progress import counted, tell
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.readers.lines import read_lines

PER_LANGUAGE = 200
"""Texts of each language and role that are learnt from where no other number is asked for."""
FEW = 50
"""Fewer than so many texts a language are said: a mean of them is that of their topics too."""


class Text(NamedTuple):
    """A text with where it was read.

    Attributes:
        text: what is encoded.
        language: its language.
        role: whether it is a query or a passage.
        group: names the content that parallel texts share.
        where: ``path:line``, or the id in a data set.
    """

    text: str
    language: str
    role: Role
    group: str
    where: str


def texts_of_groups(path: Path) -> Iterator[Text]:
    """Queries and passages of a file of parallel groups; ``sample`` is the training part of this package's sample.

    Raises:
        NeutralizeError: it cannot be read, or a line is no group (``path:line``).
    """
    for number, record in _records(path):
        where = f"{path}:{number}"
        for role in ROLES:
            by_language = record.get(role) or {}
            if not isinstance(by_language, Mapping) or not all(
                text is None or isinstance(text, str) for text in by_language.values()
            ):
                raise NeutralizeError(
                    f"{where}: {role!r} is {str(by_language)[:60]!r}; expected texts by language, such as "
                    f'{{"id": "g1", "query": {{"de": "..."}}, "passage": {{"de": "...", "en": "..."}}}}'
                )
            for language, text in by_language.items():
                if text and text.strip():
                    code = _code_of(str(language), where)
                    yield Text(text.strip(), code, role, str(record.get("id", number)), where)


def _code_of(language: str, where: str) -> str:
    """The code in use for a language as files and options call it: that of data sets, which are to be neutralized."""
    try:
        return language_code(language)
    except SettingError as error:
        raise NeutralizeError(f"{where}: {error}") from error


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if is_sample(path):
        yield from enumerate(sample_groups("train"), 1)
    else:
        yield from read_json_lines(path, error=NeutralizeError)


def is_sample(path: Path) -> bool:
    """Whether the groups of this package's sample are meant, and no file of that name."""
    return str(path) == "sample" and not path.exists()


def texts_of_dataset(
    name: str, data_dir: Path | str | None, languages: str | None, split: str | None, options: Mapping[str, Any]
) -> Iterator[Text]:
    """The passages of a registered data set or BEIR folder; its queries are what is measured, and stay out of it."""
    from beir_hybrid.datasets import load_dataset

    dataset = load_dataset(name, data_dir, languages, split, **options)
    for language in dataset.languages:
        passages = dataset.passages[language]
        for key, source, text in zip(passages.ids, passages.source_ids, passages.lazy_full_texts(), strict=True):
            if text:
                yield Text(text, language, "passage", source, f"{dataset.name} {key}")


def texts_of_files(given: str | Mapping[str, Path | str], role: Role) -> Iterator[Text]:
    """Plain text, a text a line, a file a language; equal line numbers count as parallel nowhere.

    Args:
        given: ``de=FILE,en=FILE`` (or the same as a mapping), or a folder of ``LANGUAGE.txt`` files.

    Raises:
        NeutralizeError: a file is missing, empty or not UTF-8, or the folder holds none.
    """
    for language, path in language_files(given).items():
        empty = True
        for number, line in read_lines(path, NeutralizeError):
            empty = False
            yield Text(line.strip(), language, role, f"{language} {number}", f"{path}:{number}")
        if empty:
            raise NeutralizeError(f"{path} holds no text; expected one a line, in {language!r}")


def language_files(given: str | Mapping[str, Path | str]) -> dict[str, Path]:
    """The file of each language, see `texts_of_files`.

    Raises:
        NeutralizeError: the text is of no such form, or the folder holds no such file.
    """
    if isinstance(given, Mapping):
        named = [(language, Path(path)) for language, path in given.items()]
    elif (folder := Path(given).expanduser()).is_dir():
        paths = (path for path in sorted(folder.glob("*.txt*")) if path.name.endswith((".txt", ".txt.gz")))
        named = [(path.name.partition(".")[0], path) for path in paths]
        if not named:
            raise NeutralizeError(f"{folder} holds no LANGUAGE.txt (or .txt.gz), such as de.txt")
    else:
        parts = [part.partition("=") for part in given.split(",")]
        if not all(language.strip() and path.strip() for language, _, path in parts):
            raise NeutralizeError(f"{given!r} is neither a folder of LANGUAGE.txt files nor like de=FILE,en=FILE")
        named = [(language.strip(), Path(path.strip()).expanduser()) for language, _, path in parts]
    files: dict[str, Path] = {}
    for language, path in named:
        code = _code_of(language, str(path))
        if code in files:
            raise NeutralizeError(
                f"{files[code]} and {path} are both {code!r}; put the texts of a language into one file"
            )
        files[code] = path
    return files


@dataclass(frozen=True, eq=False)
class Sample:
    """The texts that are learnt from, the same for the same sources, number and seed.

    Args:
        texts: by role and language, languages in alphabetical order, the same for every role there is.
    """

    texts: Mapping[Role, Mapping[str, Sequence[Text]]]

    @property
    def languages(self) -> list[str]:
        return list(next(iter(self.texts.values())))

    def record(self) -> dict[str, Any]:
        """How many texts there are, and a digest of them."""
        return {
            role: {
                language: {"texts": len(texts), "digest": fingerprint(*(one.text for one in texts))}
                for language, texts in by_language.items()
            }
            for role, by_language in self.texts.items()
        }

    def __iter__(self) -> Iterator[Text]:
        return (one for by_language in self.texts.values() for texts in by_language.values() for one in texts)


def draw(texts: Iterable[Text], per_language: int, seed: int, languages: Sequence[str] | None = None) -> Sample:
    """At most so many different texts for each language and role.

    Groups that exist in most of the languages are taken first, so that the means of two languages differ by language
    and not by topic wherever the texts are parallel; among those chance decides, by group.

    Args:
        languages: only these; None: all there are.

    Raises:
        NeutralizeError: fewer than two languages are left, or one of them has no text of a role that others have.
    """
    pools: dict[Role, dict[str, dict[str, Text]]] = {}
    in_groups: dict[tuple[Role, str], set[str]] = {}
    found: set[str] = set()
    for one in texts:
        found.add(one.language)
        if languages is None or one.language in languages:
            pools.setdefault(one.role, {}).setdefault(one.language, {}).setdefault(one.text, one)
            in_groups.setdefault((one.role, one.group), set()).add(one.language)
    missing = sorted(set(languages or ()) - found)
    if missing:
        raise NeutralizeError(
            f"there is no text in {', '.join(missing)}; there are texts in {', '.join(sorted(found)) or 'no language'}"
        )
    kept = sorted({language for pool in pools.values() for language in pool})
    if len(kept) < 2:
        raise NeutralizeError(
            f"there are texts in {counted(len(kept), 'language', 'languages')} "
            f"({', '.join(kept) or 'none'}); what is language shows between two or more"
        )
    for role, pool in pools.items():
        lacking = [language for language in kept if language not in pool]
        if lacking:
            other = "passage" if role == "query" else "query"
            raise NeutralizeError(
                f"{', '.join(lacking)} has {other} texts but no {role} texts; add some, or leave the language out "
                f"with --languages {','.join(language for language in kept if language not in lacking)}"
            )

    def order(one: Text) -> tuple[int, str]:
        return -len(in_groups[one.role, one.group]), fingerprint(str(seed), one.group)

    drawn = {role: {language: tuple(sorted(pools[role][language].values(), key=order)[:per_language])
                    for language in kept} for role in ROLES if role in pools}  # fmt: skip
    _say_few(drawn, per_language)
    return Sample(drawn)


def _say_few(drawn: Mapping[Role, Mapping[str, Sequence[Text]]], per_language: int) -> None:
    for role, by_language in drawn.items():
        short = {lang: len(texts) for lang, texts in by_language.items() if len(texts) < min(per_language, FEW)}
        if short:
            listed = ", ".join(f"{language} {n}" for language, n in short.items())
            tell(f"few {role} texts: {listed}; {FEW} or more a language keep topics out of the means")

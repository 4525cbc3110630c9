"""Reading a study file: one line for what is wrong in it, with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from beir_hybrid.errors import StudyError, TrainingError, at, did_you_mean
from beir_hybrid.studies.factors import TableError
from beir_hybrid.studies.study import Budget, Evaluation, Grid, Limits, Study
from beir_hybrid.training.config import read_toml

_STARTED = {"train", "factors", "grid"}
_TABLES: dict[str, type[BaseModel]] = {"grid": Grid, "evaluate": Evaluation, "budget": Budget, "limits": Limits}


def load_study(path: Path | str, start: str | None = None) -> Study:
    """The study of a file. What needs its data (languages, sizes, fingerprints) is checked by `plan_cells`.

    Args:
        path: of a study file.
        start: which of its tables ``[start.NAME]`` says what models begin as; None: the first, if there are some. A
            study that starts elsewhere has that in its name: its cells and its report are others.

    Raises:
        StudyError: no such file, or a table, key, factor or value that is unknown (``path:line``).
    """
    file = Path(path).expanduser()
    try:
        values = read_toml(file)
    except TrainingError as error:
        message = str(error).replace("a TOML file with the options of train as keys", "a study file")
        raise StudyError(message) from error
    content = file.read_text(encoding="utf-8")
    values = _started(values, file, start)
    for own in ("title", "question"):
        if isinstance(values.get(own), str):
            values[own] = " ".join(values[own].split())
    values["title"] = values.get("title") or values.get("name", "")
    try:
        return Study.model_validate({**values, "<file>": file, "<content>": content})
    except ValidationError as error:
        # a misspelt key explains a missing one
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        table, key, message = _complaint(first)
        raise StudyError(f"{at(file, line_of(content, table, key))}: {message}") from None


def _started(values: dict[str, Any], file: Path, start: str | None) -> dict[str, Any]:
    """The tables of a file with those of one start put over them."""
    starts = values.pop("start", {})
    tables = list(starts.values()) if isinstance(starts, dict) else [starts]
    if not all(isinstance(s, dict) and set(s) <= _STARTED and all(map(_is_table, s.values())) for s in tables):
        raise StudyError(f"{file}: start is {starts!r}; expected tables [start.NAME.train], .factors and .grid")
    if start is not None and start not in starts:
        known = did_you_mean(start, starts) if starts else "it has no table [start.NAME]"
        raise StudyError(f"{file}: no start {start!r}; {known}")
    chosen = start or next(iter(starts), None)
    if chosen is None:
        return values
    common = {table: values.get(table, {}) for table in starts[chosen]}
    own = {table: {**common[table], **added} for table, added in starts[chosen].items() if _is_table(common[table])}
    name = {} if chosen == next(iter(starts)) or "name" not in values else {"name": f"{values['name']}-{chosen}"}
    return {**values, **own, **name}


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _complaint(error: Any) -> tuple[str, str, str]:
    """Table, key and message of a complaint of the types."""
    names = [str(part) for part in error["loc"] if isinstance(part, str)]
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, TableError):  # of a table, or of a key at the top or below one
        key = raised.key or (names[1] if len(names) > 1 else "")
        return ("", names[0], str(raised)) if names[0] == "seeds" else (names[0], key, str(raised))
    table, key = (names[0], names[1]) if len(names) > 1 else ("", names[0])
    if error["type"] == "extra_forbidden":
        known = _TABLES[table].model_fields if table else [f.alias or n for n, f in Study.model_fields.items()][:-2]
        place = (key, "") if not table and isinstance(error["input"], dict) else (table, key)
        return *place, f"unknown key {key!r}; {did_you_mean(key, known)}"
    if error["type"] == "missing":
        return table, "", f"{'.'.join(names[:2])} is missing; every study has it"
    said = error["msg"].replace("Input should", "it should").replace("valid tuple", "valid list")
    named = key if table in ("", *_TABLES) else f"{key} of [{table}]"
    return table, key, f"{named} is {error['input']!r}; {said}"


def line_of(content: str, table: str, key: str = "") -> int | None:
    """The line of a key of a table of a TOML text (of the table's head without one; "" is the top); None if unseen."""
    here, head = "", None
    for number, line in enumerate(content.splitlines(), 1):
        if header := re.fullmatch(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?", line):
            here = re.sub(r"^start\.[^.]+\.", "", header[1])
            if here.partition(".")[0] == table:
                head = head or number
                if not key or here.rpartition(".")[2].strip("\"'") == key:
                    return number
        elif here.partition(".")[0] == table and key:
            named = re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*(\.[^=]*)?=", line)
            if named and named[1].replace("-", "_") == key.replace("-", "_"):
                return number
    return head

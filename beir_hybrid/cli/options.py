"""The command line as `commands.toml` describes it, and what its words mean."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from beir_hybrid.disk.locations import at_home
from beir_hybrid.errors import BeirHybridError, needs_package
from beir_hybrid.progress import tell

# a list may be given with commas or with spaces: what may follow, so that a list swallows no other argument
_CODES = r"[a-z]{2,3}([_-]\w+)?(,[a-z]{2,3}([_-]\w+)?)*,?"
_LISTED = {
    "--languages": _CODES, "--language": _CODES,
    "--settings": r"(mono|cross|multi)(,(mono|cross|multi))*,?",
}  # fmt: skip

_FEW = 12


class Parser(argparse.ArgumentParser):
    """argparse with examples below the help, and errors of one line that name what was meant."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        if examples:
            options["epilog"] = "examples:\n" + "\n".join(f"  beir-hybrid {example}" for example in examples)
        options.setdefault("formatter_class", _Formatter)
        super().__init__(*args, **options)
        self.needs: dict[str, tuple[str, Sequence[str]]] = {}
        self.groups: dict[str, list[str]] = {}
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        """One line on stderr and exit 2."""
        command = self.prog.partition(" ")[2]
        where = f"{command}: " if command else ""
        sys.stderr.write(f"beir-hybrid: {where}{' '.join(message.split())}; see: {self.prog} --help\n")
        self.exit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it, after lists were joined; an unknown option is refused with the nearest one."""
        words = [_placed(word) for word in (sys.argv[1:] if args is None else args)]
        found, extra = super().parse_known_args(self._plain(words), namespace)
        unknown = next((each for each in extra if each.startswith("-") and each != "-"), None)
        if unknown is not None:
            self.error(f"unknown option {unknown}; {_nearest(unknown, self._option_string_actions)}")
        if extra:
            lists = [option for option in _LISTED if option in words]
            self.error(f"unexpected argument {extra[0]!r}" + (f"; what {lists[0]} lists, commas join" if lists else ""))
        for name, (option, needs) in self.needs.items():
            if getattr(found, name) not in (None, False) and not any(self._has(found, need) for need in needs):
                self.error(f"{option} needs {needs[0]}")
        return found, extra

    def _has(self, found: Any, need: str) -> bool:
        """Whether an option was given, such as ``--model``, or with this value, such as ``--engine ray``."""
        flag, value = _split(need)
        got = getattr(found, self._option_string_actions[flag].dest)
        return got == value if value else got not in (None, False)

    def _plain(self, args: Sequence[str]) -> list[str]:
        """The arguments together and then the options, as argparse wants them; lists joined by commas.

        What follows an option that may go without a value is its value where it is one of its choices, or where there
        is an argument already.
        """
        if self._subparsers is not None:  # the command's own parser does it
            return list(args)
        options: list[str] = []
        arguments: list[str] = []
        left = list(args)
        while left:
            word = left.pop(0)
            if word == "--":
                return [*options, *arguments, word, *left]
            if not word.startswith("-") or word == "-":
                arguments.append(word)
                continue
            action = self._option_string_actions.get(word)
            values: list[str] = []
            if word in _LISTED and action is not None:
                while left and (not values or re.fullmatch(_LISTED[word], left[0])) and not left[0].startswith("-"):
                    values.append(left.pop(0).strip(","))
                word, values = f"{word}={','.join(values)}" if values else word, []
            elif action is not None and action.nargs == "+":
                while left and not left[0].startswith("-"):
                    values.append(left.pop(0))
            elif (
                left
                and action is not None
                and (
                    action.nargs is None
                    or (
                        action.nargs == "?"
                        and (left[0] in (action.choices or ()) or (arguments and left[0][0:1] != "-"))
                    )
                )
            ):
                values.append(left.pop(0))
                if re.match(r"-[\d.]", values[0]):  # which argparse would take for an option, but for a single number
                    word, values = f"{word}={values[0]}", []
            options += [word, *values]
        return [*arguments, *options]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "command" if isinstance(action, argparse._SubParsersAction) else "choice"
            name = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                None if what == "command" else action, f"unknown {what} {value!r}; {_nearest(str(value), name)}"
            )


def _placed(word: str) -> str:
    """``--out=~/results`` as a shell leaves it, with the home folder in place of the tilde."""
    flag, equals, value = word.partition("=")
    return flag + equals + at_home(value) if flag.startswith("--") else word


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Paragraphs are wrapped, examples stay lines."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, max_help_position=28, **options)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return "\n".join(indent + line for line in text.splitlines())
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def _nearest(name: str, known: Any) -> str:
    from beir_hybrid.errors import did_you_mean

    return did_you_mean(name, known, most=_FEW)  # of many, the nearest alone: the help lists them


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def key_value(text: str) -> tuple[str, Any]:
    """``key=value`` for argparse; the value is JSON (``3``, ``true``) or, if it is none, the text itself."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip().isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    try:
        return key.strip(), json.loads(value)
    except json.JSONDecodeError:
        return key.strip(), value


def numbers(text: str) -> list[float]:
    """Numbers joined by commas, for argparse."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers like 0.3,0.7") from error


TYPES: Mapping[str, Callable[[str], Any]] = {
    "N": positive, "X": float, "SEED": int, "DIR": Path, "FILE": Path, "W,W": numbers,
    "KEY=VALUE": key_value, "path": Path, "text": str,
}  # fmt: skip
"""What the value of an option is, by the word it has in the help, or by ``type``; others are texts."""
_ABOUT = ("help", "description", "examples", "one_of", "resumes", "run", "needs")


def command_table() -> dict[str, Any]:
    """`commands.toml`, as it is."""
    return tomllib.loads((files("beir_hybrid.cli") / "commands.toml").read_text(encoding="utf-8"))


def add_options(parser: Parser, table: Mapping[str, Any], shared: Mapping[str, Any], into: Any = None) -> None:
    """Options and arguments of a command, or of a group of it.

    Args:
        table: those of it, see `commands.toml`.
        shared: what ``use`` may name.
        into: the group; None: the parser itself.
    """
    into = into or parser
    one_of = table.get("one_of", ())
    choice = into.add_mutually_exclusive_group(required=True) if one_of else into
    for key, value in table.items():
        if key == "use":
            for name in value:
                add_options(parser, shared[name], shared, into)
        elif isinstance(value, dict) and "help" not in value:
            group = parser.add_argument_group(key)
            add_options(parser, value, shared, group)
            parser.groups[key] = [action.dest for action in group._group_actions]
        elif key not in _ABOUT:
            _add_option(parser, choice if key.split()[0] in one_of else into, key, value, table.get("needs", ()))


def _split(key: str) -> tuple[str, str]:
    flags, _, word = key.partition(" ")
    return flags, word


def _add_option(parser: Parser, into: Any, key: str, value: Any, needs: Sequence[str]) -> None:
    flags, word = _split(key)
    options = dict(value) if isinstance(value, dict) else {"help": value}
    options["help"] = options["help"].replace("%", "%%")
    needs = options.pop("needs", needs)
    many = word[-1:] if word[-1:] in ("?", "*", "+") else ""
    if "|" in word:
        options["choices"] = word.split("|")
    elif word:
        options["type"] = TYPES.get(options.get("type", word.rstrip("?*+")), str)
        options = {"metavar": word.rstrip("?*+"), **options, **({"nargs": many} if many else {})}
        if "=" in word:
            options["action"] = "append"
    else:
        options["action"] = "store_true"
    action = into.add_argument(*flags.split("/"), **options)
    if needs:
        parser.needs[action.dest] = (flags, needs)


def given(args: argparse.Namespace, group: str) -> dict[str, Any]:
    """The options of a group that were given, by name."""
    return {name: value for name in args.parser.groups[group] if (value := getattr(args, name)) is not None}


def comparison_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `compare` that were given."""
    names = ("baseline", "settings", "metrics", "intersect", "test", "correction", "alpha", "seed", "draws")
    return {name: getattr(args, name) for name in names}


def check_output(out: Path | None, form: str) -> None:
    """That `write_output` can do its part, before a long comparison."""
    from beir_hybrid.disk.files import refuse_unwritable

    if out is not None:
        refuse_unwritable(out)
        if out.is_dir():
            raise BeirHybridError(f"could not write {out}: it is a folder; name a file")
    if form == "html":
        needs_package("drawing figures", "matplotlib", "report")


def write_output(text: str, out: Path | None, form: str) -> None:
    """To a file, whole or not at all, or to stdout; a page is UTF-8, as it says, wherever it goes."""
    from beir_hybrid.disk.files import written_whole

    text = text.rstrip("\n") + "\n"
    if out is None and form == "html":
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
        return
    if out is None:
        sys.stdout.write(text)
        return
    with written_whole(out) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    tell(f"written: {out}")

"""The parser of every command, and the options several commands share."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from beir_hybrid.progress import tell

TESTS = ("permutation", "student", "wilcoxon", "tukey")
CORRECTIONS = ("max-t", "holm", "bh", "none")
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

    def error(self, message: str) -> NoReturn:
        """One line on stderr and exit 2."""
        command = self.prog.partition(" ")[2]
        where = f"{command}: " if command else ""
        sys.stderr.write(f"beir-hybrid: {where}{' '.join(message.split())}; see: {self.prog} --help\n")
        self.exit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it, after lists were joined; an unknown option is refused with the nearest one."""
        found, extra = super().parse_known_args(self._plain(sys.argv[1:] if args is None else args), namespace)
        unknown = next((each for each in extra if each.startswith("-") and each != "-"), None)
        if unknown is not None:
            self.error(f"unknown option {unknown}; {_nearest(unknown, self._option_string_actions)}")
        return found, extra

    def _plain(self, args: Sequence[str]) -> list[str]:
        """Lists joined by commas; a value that an option may go without left to it only where it is one of its own."""
        made: list[str] = []
        left = list(args)
        while left:
            word = left.pop(0)
            action = self._option_string_actions.get(word)
            if word in _LISTED and action is not None:
                values: list[str] = []
                while left and (not values or re.fullmatch(_LISTED[word], left[0])) and not left[0].startswith("-"):
                    values.append(left.pop(0).strip(","))
                word = f"{word}={','.join(values)}" if values else word
            elif action is not None and action.nargs == "?" and action.choices and not (made and made[0][:1] != "-"):
                while left and left[0] not in action.choices and not left[0].startswith("-"):
                    made.append(left.pop(0))  # an argument that stands after the option, not its value
            made.append(word)
            if word == "--":
                break
        return [*made, *left]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "command" if isinstance(action, argparse._SubParsersAction) else "choice"
            name = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                None if what == "command" else action, f"unknown {what} {value!r}; {_nearest(str(value), name)}"
            )


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


def add_dataset_options(parser: argparse._ActionsContainer, *, split: bool = True) -> None:
    """Where a data set's files are and which part of it is meant."""
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR",
        help="where the data set's files are (default: $BEIR_HYBRID_DATA, then the cache, which is filled when needed)",
    )  # fmt: skip
    parser.add_argument(
        "--languages", "--language", metavar="L,L", help="ISO 639-1 codes; the pool then holds only these"
    )
    if split:
        parser.add_argument("--split", metavar="NAME", help="default: the data set's first")


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """What is compared and how it is tested: the options of `compare`, but for the folders."""
    what = parser.add_argument_group("what is compared")
    what.add_argument("--baseline", metavar="NAME", help="a system's name or folder (default: the first folder)")
    what.add_argument("--settings", metavar="S,S", help="mono, cross, multi (default: all that all folders have)")
    what.add_argument(
        "--metrics", metavar="M,M", help="such as map,rank_distance or nDCG@10 (default: all that all folders have)"
    )
    what.add_argument(
        "--intersect", action="store_true", help="compare the tasks and queries all folders have, where they differ"
    )
    tests = parser.add_argument_group("how it is tested")
    tests.add_argument(
        "--test", default="permutation", choices=TESTS, metavar="T",
        help="permutation (default), student, wilcoxon, or tukey (randomised, over all systems; needs no correction)",
    )  # fmt: skip
    tests.add_argument(
        "--correction", choices=CORRECTIONS, metavar="C",
        help="max-t (default of the permutation test), holm (of the others), bh or none, over the tests of one metric "
        "and setting; means and languages apart",
    )  # fmt: skip
    tests.add_argument("--alpha", type=float, default=0.05, metavar="X", help="significance level (default 0.05)")
    tests.add_argument("--seed", type=int, default=0, metavar="N", help="of permutations and resamples (default 0)")
    tests.add_argument("--draws", type=int, default=10_000, metavar="N", help="of each (default 10000)")


def comparison_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `compare` that were given."""
    names = ("baseline", "settings", "metrics", "intersect", "test", "correction", "alpha", "seed", "draws")
    return {name: getattr(args, name) for name in names}


def add_output_options(parser: argparse.ArgumentParser, formats: Sequence[str]) -> argparse._ArgumentGroup:
    """In which format, and where to; the group they stand in."""
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format", default="table", choices=formats, metavar="F",
        help=f"{', '.join(formats)} (default table); csv and json hold every number unrounded, html is a page",
    )  # fmt: skip
    output.add_argument("--out", type=Path, metavar="FILE", help="write there, whole or not at all (default: stdout)")
    return output


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

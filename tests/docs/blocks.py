"""The code blocks of a page of the documentation, and what the comments before them say about them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)(`{3,})([\w-]*)\s*$")
_COMMENT = re.compile(r"^ *<!-- (needs|output|file|exit)(?:: (.*?))? -->\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: ``sh``, ``python``, ``text``, ``toml``, ``json``, ...
        line: of its first line in the page, from 1.
        needs: what it cannot be run without here (network, data, a GPU); it is then only checked.
        output: ``""`` for the whole stdout of the block before it, ``"part"`` for some of its lines, in their order;
            None for a block that is no output.
        file: the name it is written under before the page goes on.
        status: the exit status of a command.
    """

    language: str
    code: str
    line: int
    needs: str | None = None
    output: str | None = None
    file: str | None = None
    status: int = 0


def read_blocks(page: Path) -> list[Block]:
    """All blocks in order. A comment belongs to the block that begins on the next line with something on it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    blocks: list[Block] = []
    said: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if comment := _COMMENT.match(line):
            said[comment[1]] = comment[2] or ""
        elif fence := _FENCE.match(line):
            begin = number
            while lines[number].strip() != fence[2]:
                number += 1
            code = textwrap.dedent("\n".join(lines[begin:number]))
            number += 1
            status = int(said.get("exit", 0))
            comments = said.get("needs"), said.get("output"), said.get("file")
            blocks.append(Block(fence[3], code, begin + 1, *comments, status))
            said = {}
        elif line.strip():
            said = {}
    return blocks


def commands_of(block: Block) -> list[str]:
    """The commands of a shell block, continued lines joined."""
    joined = block.code.replace("\\\n", " ")
    return [line for line in map(str.strip, joined.splitlines()) if line and not line.startswith("#")]

"""Reads the documents: headings, tables, fenced blocks and links of a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<language>[a-z-]*)\n(?P<text>.*?)^```$", re.M | re.S)
_HEADING = re.compile(r"^(?P<level>#{1,6}) (?P<title>.+)$", re.M)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_SEPARATOR = re.compile(r"[-|: ]+")


@dataclass(frozen=True)
class Block:
    """A fenced block and the language it says it is in."""

    language: str
    text: str


def all_pages() -> list[Path]:
    """Every Markdown file of the project."""
    folders = (ROOT, ROOT / "docs", ROOT / "docs" / "adr", ROOT / "docker")
    return sorted(page for folder in folders for page in folder.glob("*.md"))


def read(name: str) -> str:
    """The text of a page, named from the root of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str | None = None) -> list[Block]:
    """The fenced blocks in their order, of one language or of all."""
    found = [Block(match["language"], match["text"]) for match in _FENCE.finditer(text)]
    return [block for block in found if language in (None, block.language)]


def without_blocks(text: str) -> str:
    """The text without fenced blocks and code spans, in which nothing is a heading or a link."""
    return re.sub(r"`[^`\n]+`", "`…`", _FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    found: set[str] = set()
    for match in _HEADING.finditer(_FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", match["title"].lower()).replace(" ", "-")
        numbered = (f"{plain}-{number}" for number in range(1, 100))
        found.add(plain if plain not in found else next(name for name in numbered if name not in found))
    return found


def links(text: str) -> list[str]:
    """The targets of the links."""
    return [match["target"] for match in _LINK.finditer(without_blocks(text))]


def section(text: str, title: str) -> str:
    """The text under the heading of this title, up to the next heading of its level or above."""
    for match in _HEADING.finditer(text):
        if match["title"] == title:
            level = len(match["level"])
            end = re.compile(rf"^#{{1,{level}}} ", re.M).search(text, match.end())
            return text[match.end() : end.start() if end else len(text)]
    raise AssertionError(f"no heading {title}")


def tables(text: str) -> list[list[dict[str, str]]]:
    """The tables in their order, each a list of rows by column."""
    found = []
    lines = iter(_FENCE.sub("", text).splitlines())
    for line in lines:
        if not line.startswith("|"):
            continue
        columns = _cells(line)
        assert _SEPARATOR.fullmatch(next(lines)), f"a table without a separator: {line}"
        found.append([dict(zip(columns, row, strict=True)) for row in _rows(lines)])
    return found


def rows(text: str, *columns: str) -> list[dict[str, str]]:
    """The rows of the first table with these columns."""
    for table in tables(text):
        if table and set(columns) <= set(table[0]):
            return table
    raise AssertionError(f"no table with {columns}")


def plain(cell: str) -> str:
    """A cell without the marks of code."""
    return cell.strip("`")


def _rows(lines: Iterator[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield _cells(line)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]

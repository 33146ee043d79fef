"""Rules of language: openings of docstrings, and words that the project has retired."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

QUESTIONS = frozenset("how many much what when where whether which who whoever whom whose why so".split())  # noqa: SIM905 - one line to read
_PRONOUNS = "any each every everything he his it its my nobody none nothing one our some somebody their they we you"
NO_VERBS = frozenset(f"a all an if no that the there these this those {_PRONOUNS}".split())
ARTICLES = frozenset("a all an each every one the this what".split())  # noqa: SIM905 - one line to read
# After these a word in -s is a noun: "Changes of an edit", "Calls over HTTP".
AFTER_NOUNS = frozenset("and at besides between by for in of or on over per that to under whose with without".split())  # noqa: SIM905 - one line to read
SAYS_BOTH = re.compile(r"\b[Rr]eturns? (?:True|False)\b|\bSee ``")
# Code or a wire name: ``files up``, files.access.
NAME_FIRST = re.compile(r"``|[a-z_]+(?:\.[a-z_*]+)+\b|@?[\w-]+[/:]|[a-z]+'s ")

# Words of prose and of names; a name is split at its underscores and capitals.
WORDS = {
    "condemn": "garbage",
    "condemned": "garbage",
    "condemns": "garbage",
    "warm": "index build",
    "warmed": "index build",
    "warmer": "index builder",
    "warming": "index build",
    "adopt": "bulk import",
    "adoption": "bulk import",
    "adopts": "bulk import",
    "adopted": "bulk import",
    "resting": "open (of a circuit)",
    "rests": "back-off",
    "dear": "expensive",
    "dearer": "more expensive",
    "desk": "receiver",
    "rights": "permissions, or upload locks",
    "arrivals": "upload documents, or upload body",
    "takeover": "socket receive",
    "inflow": "flow control",
    "bury": "write a tombstone",
    "buries": "writes a tombstone",
    "buried": "a tombstone was written",
    "bearers": "holders",
    "pouring": "stream sink",
}
# Names of classes and functions as a whole; in prose the words are common ones.
DEFINITIONS = {
    "mine": "require_lease",
    "settle": "record_outcome, finalize or apply",
    "Settler": "ConflictResolver",
    "Storing": "BlobSink",
    "Comparing": "VerifySink",
    "Refused": "HTTPError",
    "Elsewhere": "LeaseHeld",
    "Given": "Options",
    "Shown": "Progress",
    "ChunkPlace": "ChunkReservation",
    "Places": "Limiter",
    "Place": "Cursor",
    "Rest": "Delay",
    "Callers": "Executor",
    "Right": "Lease",
}

Kind = Literal["class", "function", "module", "predicate", "property"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence or name that must change."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring, and the kind of its owner."""

    line: int
    kind: Kind
    text: str


def docstrings(source: str) -> list[Docstring]:
    """Return the docstrings of a file."""
    return _found(source)[0]


@cache
def _found(source: str) -> tuple[list[Docstring], list[tuple[int, str, str]]]:
    """Return docstrings and retired words of a file, by one walk, whose tree is not kept: it is large."""
    documented: list[Docstring] = []
    retired: list[tuple[int, str, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                documented.append(Docstring(node.body[0].lineno, _kind(node), text))
        retired += _retired_in_node(node)
    return documented, retired


def _kind(node: ast.AST) -> Kind:
    if isinstance(node, ast.Module):
        return "module"
    if isinstance(node, ast.ClassDef):
        return "class"
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    if any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
        return "property"
    returns = ast.unparse(node.returns) if node.returns else ""
    return "predicate" if returns == "bool" or returns.startswith("TypeGuard") else "function"


def verbs_of(sources: Iterator[str]) -> frozenset[str]:
    """Collect the verbs that open docstrings of functions."""
    found = set()
    for source in sources:
        for docstring in docstrings(source):
            word = _words(docstring.text)[0]
            if docstring.kind in ("function", "predicate") and word not in NO_VERBS | QUESTIONS:
                found.add(word)
    return frozenset(found)


def opening_fault(docstring: Docstring, verbs: frozenset[str]) -> str:
    """Return the fault of a docstring's opening, or an empty text."""
    first, second = [*_words(docstring.text), "", ""][:2]
    opening = docstring.text.split("\n")[0][:60]
    if first in QUESTIONS:
        return f"opens with {first!r}: {opening}"
    if docstring.kind in ("function", "predicate"):
        if first in NO_VERBS or (first.endswith("s") and not first.endswith("ss")) or first.endswith("ing"):
            return f"a function's docstring opens with an imperative verb: {opening}"
        if docstring.kind == "predicate" and not SAYS_BOTH.search(docstring.text):
            return f'a predicate says "Return True when …": {opening}'
        return ""
    if NAME_FIRST.match(docstring.text):
        return ""
    third_person = first in _third_persons(verbs) and second not in AFTER_NOUNS and not _ends_a_phrase(docstring.text)
    if third_person or (first in verbs and second in ARTICLES):
        return f"the docstring of a {docstring.kind} opens with a noun phrase: {opening}"
    return ""


def _words(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Za-z']+", text)[:2]] or [""]


def _ends_a_phrase(text: str) -> bool:
    return re.match(r"\S+[.,:;]", text) is not None


def _third_persons(verbs: frozenset[str]) -> frozenset[str]:
    forms = {f"{verb}s" for verb in verbs} | {f"{verb}es" for verb in verbs if verb.endswith(("s", "h", "x", "o"))}
    return frozenset(forms | {f"{verb[:-1]}ies" for verb in verbs if verb.endswith("y")})


def retired_in_python(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, word and where it stands: in names that a file defines, in comments and in texts."""
    yield from _found(source)[1]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            for _, word in retired_in_text(token.string):
                yield token.start[0], word, "a comment"


def _retired_in_node(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    for name in _defined(node):
        for word in [name, *_parts(name)]:
            if word in WORDS or (word == name and isinstance(node, ast.stmt) and name in DEFINITIONS):
                yield getattr(node, "lineno", 0), word, f"the name {name}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        for offset, word in retired_in_text(node.value):
            yield node.lineno + offset, word, "a text"


def retired_in_text(text: str) -> Iterator[tuple[int, str]]:
    """Yield the retired words of a text with their lines, counted from 0; code in backquotes is passed over."""
    for number, line in enumerate(re.sub(r"``[^`]*``|`[^`\n]*`", "", text).split("\n")):
        yield from ((number, word) for word in re.findall(r"[a-z]+", line.lower()) if word in WORDS)


def comments_of_lua(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments of a Lua script with their lines."""
    for number, line in enumerate(source.split("\n"), 1):
        if line.strip().startswith("--"):
            yield number, line


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr


def _parts(name: str) -> list[str]:
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def shown(path: Path, root: Path) -> str:
    """Return a path as faults show it."""
    return str(path.relative_to(root))

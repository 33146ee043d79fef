"""Environment variables in the values of a settings file: ``${NAME:default}``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::(?P<default>[^}]*))?\}")


class MissingVariable(Exception):
    """A variable that is not set and has no default."""


def substitute(value: Any, environ: Mapping[str, str], *, ours: bool = False) -> Any:
    """Substitute variables in all values of a document. Raises MissingVariable."""
    if isinstance(value, dict):
        return {key: substitute(each, environ, ours=ours or key == "FILES") for key, each in value.items()}
    if isinstance(value, list):
        return [substitute(each, environ, ours=ours) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name not in environ and default is None:
            raise MissingVariable(f"the environment variable {name} is not set")
        return environ.get(name, default or "")

    filled = _VARIABLE.sub(replace, value)
    # nameko does not accept max_workers as text; our own schema converts numbers itself.
    return int(filled) if not ours and _VARIABLE.fullmatch(value) and filled.isdecimal() else filled


def variables(text: str) -> set[str]:
    """Return the variables that a text names."""
    return {match["name"] for match in _VARIABLE.finditer(text)}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that a name resembles, whatever the case; "" when there is none."""
    folded = {each.upper(): each for each in known}
    found = difflib.get_close_matches(name.upper(), folded, n=1, cutoff=0.8)
    return folded[found[0]] if found else ""


def resembling(environ: Mapping[str, str], known: set[str]) -> dict[str, str]:
    """Return variables that are not known, of the prefixes of those that are, with the one that they resemble or ""."""
    unknown = [name for name in sorted(environ) if name.startswith(("FILES_", "AMQP_")) and name not in known]
    near = {name: nearest(name, known) for name in unknown}
    # The address of the broker has other names in other programs, which may have theirs beside ours.
    return {name: each for name, each in near.items() if name.startswith("FILES_") or not environ.get(each)}

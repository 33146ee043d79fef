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


def misspelt(texts: Iterable[str], environ: Iterable[str]) -> dict[str, str]:
    """Return variables that these texts do not name although they resemble one of theirs, with that name."""
    known = {match["name"] for text in texts for match in _VARIABLE.finditer(text)}
    near = {
        name: difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        for name in sorted(environ)
        if name.startswith("FILES_") and name not in known
    }
    return {name: found[0] for name, found in near.items() if found}

"""Media types with parameters (RFC 9110, section 8.3.1), as callers declare them. Pure."""

from __future__ import annotations

import re

# The type of bytes of which nothing is known.
UNKNOWN_TYPE = "application/octet-stream"
MAX_CHARACTERS = 255
_NAME = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - the grammar's word
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
# One line of at most MAX_CHARACTERS: it becomes a header.
PATTERN = rf"(?=.{{3,{MAX_CHARACTERS}}}\Z){_NAME}/{_NAME}(?: *; *{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))* *;? *\Z"
_VALUE = re.compile(rf"({_TOKEN})=({_TOKEN}|{_QUOTED})")
# Browsers and libraries put these words where a file has no known type; the last one is curl's, for any body.
_UNKNOWN = frozenset(("", "undefined", "null", "application/x-www-form-urlencoded"))


def media_type(value: str) -> str:
    """Return the form that is stored: in lower case but for values of parameters, which may need their case."""
    plain, semicolon, rest = value.partition(";")
    return plain.lower() + semicolon + _VALUE.sub(_lower_name, rest)


def declared_type(value: str | None) -> str | None:
    """Return the type that a client declares, None where its words declare none."""
    return None if value is None or value.strip().lower() in _UNKNOWN else value.strip()


def _lower_name(parameter: re.Match[str]) -> str:
    name, value = parameter[1].lower(), parameter[2]
    return f"{name}={value.lower() if name == 'charset' else value}"

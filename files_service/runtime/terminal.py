"""Text of any origin in logs and on terminals: nothing in it moves the cursor, starts a line or turns the direction."""

from __future__ import annotations

import json

import click


def printable(text: str) -> str:
    """Escape control characters (C0, C1), direction marks, line separators and surrogates, in the form of JSON."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def echo(message: object = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a message with its own lines; escape everything else that is not printable."""
    text = message.decode(errors="backslashreplace") if isinstance(message, bytes) else str(message)
    click.echo("\n".join(map(printable, text.split("\n"))), nl=nl, err=err)

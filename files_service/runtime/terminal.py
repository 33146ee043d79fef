"""Text of any origin in logs and on terminals: nothing in it moves the cursor, starts a line or turns the direction."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import click

_FULL = (errno.ENOSPC, errno.EDQUOT)


def printable(text: str) -> str:
    """Escape control characters (C0, C1), direction marks, line separators and surrogates, in the form of JSON."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


@contextmanager
def writing_output() -> Iterator[None]:
    """Name a full disk under the standard output: no fault of the command, which prints nothing more."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise click.ClickException(f"cannot write to standard output: {error.strerror}") from error


def echo(message: object = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a message with its own lines; escape everything else that is not printable."""
    text = message.decode(errors="backslashreplace") if isinstance(message, bytes) else str(message)
    with nullcontext() if err else writing_output():
        click.echo("\n".join(map(printable, text.split("\n"))), nl=nl, err=err)

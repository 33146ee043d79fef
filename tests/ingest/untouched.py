"""Proof that this process opens nothing of a card for writing and changes no name on it, by an audit hook."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = frozenset(
    (
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "os.chmod", "os.chown"),
        *("os.link", "os.symlink", "os.setxattr", "os.removexattr", "sqlite3.connect"),
    )
)
_roots: list[str] = []
_seen: list[str] = []
_installed: list[bool] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _roots:
        return
    if event == "open":
        path, _, flags = args
        if isinstance(flags, int) and flags & _WRITING:
            _note(event, path)
    elif event in _CHANGING:
        for each in args:
            _note(event, each)


def _note(event: str, path: object) -> None:
    if isinstance(path, str | bytes | os.PathLike):
        text = os.fsdecode(path)
        if any(text == root or text.startswith(f"{root}/") for root in _roots):
            _seen.append(f"{event} {text}")


@contextmanager
def watched(root: Path) -> Iterator[None]:
    """Fail when this process writes anything below ``root`` within the block."""
    if not _installed:
        # A hook stays for the life of the process.
        sys.addaudithook(_hook)
        _installed.append(True)
    _roots.append(str(root))
    try:
        yield
    finally:
        _roots.remove(str(root))
        seen, _seen[:] = list(_seen), []
    assert seen == [], f"the card was opened for writing: {seen}"

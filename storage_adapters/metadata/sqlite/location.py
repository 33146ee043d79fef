"""File that a ``sqlite:`` URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage_adapters.errors import UnknownStore


def path_of(url: str) -> Path:
    """Return the absolute path; raises UnknownStore when the URL is not of one of the two forms."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    match parts:
        case _ if parts.netloc:
            problem = f"{parts.netloc!r} stands where a host would"
        case _ if parts.query or parts.fragment:
            problem = "it takes no ? or # (write %3F and %23 in a file name)"
        case _ if path == ":memory:":
            problem = "a store in memory is memory://"
        case _ if not path or path.endswith("/"):
            problem = "it names no file"
        case _ if "\0" in path:
            problem = "a path holds no NUL"
        case _:
            return Path(path).absolute()
    raise UnknownStore(f"{url}: {problem}; use sqlite:///relative/path.db or sqlite:////absolute/path.db")

"""The URL of a store over nodes: ``nodes://host:port[,host:port…]?copies=2&min_write=2&timeout=30``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from storage_adapters.errors import UnknownStore

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,63}")
_MOST_COPIES = 5


@dataclass(frozen=True, slots=True)
class Location:
    """Controllers, numbers of copies (None: those of the layout), seconds, and the name of the bucket."""

    controllers: tuple[str, ...]
    copies: int | None
    min_write: int | None
    timeout: float
    bucket: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse the URL. Raises UnknownStore."""
        parts = urlsplit(url)
        hosts = parts.netloc.split(",")
        if parts.path not in ("", "/") or parts.fragment or not all(_HOST.fullmatch(host) for host in hosts):
            raise UnknownStore(f"{url}: use nodes://controller:port[,controller:port]?copies=2")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        secure = options.pop("tls", "0") == "1"
        try:
            copies, min_write = (_number(options.pop(name, "")) for name in ("copies", "min_write"))
            timeout = float(options.pop("timeout", "30"))
        except ValueError:
            raise UnknownStore(f"{url}: copies, min_write and timeout are numbers") from None
        bucket = options.pop("bucket", "nodes")
        if options or _BUCKET.fullmatch(bucket) is None:
            raise UnknownStore(f"{url}: has an unknown option: {', '.join(options) or 'bucket'}")
        fewest, most = (1 if min_write is None else min_write), (_MOST_COPIES if copies is None else copies)
        if not 1 <= fewest <= most <= _MOST_COPIES or not 1 <= timeout <= 600:
            raise UnknownStore(f"{url}: needs 1 <= min_write <= copies <= {_MOST_COPIES} and 1 <= timeout <= 600")
        scheme = "https" if secure else "http"
        return cls(tuple(f"{scheme}://{host}" for host in hosts), copies, min_write, timeout, bucket)


def _number(text: str) -> int | None:
    return int(text) if text else None

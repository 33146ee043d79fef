"""URLs of buckets, and the names of their objects. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,7}")
_TIMEOUT = re.compile(r"[0-9]{1,4}(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLocation:
    """Bucket, name prefix, and the longest wait for its server in seconds."""

    bucket: str
    prefix: str = ""
    timeout: float = 20.0

    def name_of(self, key: str) -> str:
        """Return the object name of a key."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key_of(self, name: str) -> str | None:
        """Return the key of an object name; None for a name outside the prefix."""
        if not self.prefix:
            return name
        return name.removeprefix(f"{self.prefix}/") if name.startswith(f"{self.prefix}/") else None


class BucketUrl(NamedTuple):
    """The parts of a URL; ``options`` with the defaults of those that it leaves out."""

    bucket: str
    prefix: str
    options: Mapping[str, str]


def read_url(url: str, bucket: re.Pattern[str], defaults: Mapping[str, str]) -> BucketUrl | None:
    """Take ``scheme://bucket[/prefix][?options]`` apart; None for another form, or with an option of another name."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    prefix = parts.path.strip("/")
    options = {**defaults, **{name: values[0] for name, values in query.items()}}
    if (
        parts.fragment
        or not all(len(values) == 1 and values[0] for values in query.values())
        or set(query) - set(defaults)
        or bucket.fullmatch(parts.netloc) is None
        or (prefix and _PREFIX.fullmatch(prefix) is None)
        or _TIMEOUT.fullmatch(options["timeout"]) is None
        or float(options["timeout"]) <= 0
    ):
        return None
    return BucketUrl(parts.netloc, prefix, options)

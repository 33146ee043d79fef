"""Parsed form of a ``gs://`` URL. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from storage_adapters.errors import UnknownStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,7}")
_OPTIONS = frozenset({"credentials", "signer", "public", "timeout", "user_project"})
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z0-9][a-z0-9-]{1,62}")
DEFAULT_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Bucket, name prefix and access options. ``user_project`` pays for requests where requesters pay."""

    bucket: str
    prefix: str = ""
    credentials: str = ""
    signer: str = ""
    public: bool = False
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    user_project: str = ""

    def name_of(self, key: str) -> str:
        """Return the object name of a key."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key_of(self, name: str) -> str | None:
        """Return the key of an object name; None for a name outside the prefix."""
        if not self.prefix:
            return name
        head, slash, key = name[: len(self.prefix)], name[len(self.prefix) :][:1], name[len(self.prefix) + 1 :]
        return key if head == self.prefix and slash == "/" else None


def parse(url: str) -> Location:
    """Parse ``gs://bucket[/prefix][?options]``. Raises UnknownStore."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    prefix = parts.path.strip("/")
    single = all(len(values) == 1 and values[0] for values in query.values())
    public = query.get("public", ["signed"])[0]
    user_project = query.get("user_project", [""])[0]
    timeout = query.get("timeout", [str(DEFAULT_TIMEOUT_SECONDS)])[0]
    if (
        parts.fragment
        or not single
        or set(query) - _OPTIONS
        or _BUCKET.fullmatch(parts.netloc) is None
        or (prefix and _PREFIX.fullmatch(prefix) is None)
        or public not in ("signed", "policy")
        or (user_project and _PROJECT.fullmatch(user_project) is None)
        # Where requesters pay, nobody reads without saying who pays.
        or (user_project and public == "policy")
        or re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]+)?", timeout) is None
        or float(timeout) <= 0
    ):
        raise UnknownStore(
            "the GCS store takes gs://bucket[/prefix][?credentials=FILE&signer=EMAIL&public=signed|policy"
            f"&timeout=SECONDS&user_project=PROJECT], not {url}; public=policy and user_project exclude each other"
        )
    return Location(
        bucket=parts.netloc,
        prefix=prefix,
        credentials=query.get("credentials", [""])[0],
        signer=query.get("signer", [""])[0],
        public=public == "policy",
        timeout=float(timeout),
        user_project=user_project,
    )

"""Parsed form of an ``s3://`` URL. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from storage_adapters.errors import UnknownStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){0,7}")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+/?")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_DEFAULTS = {
    "endpoint": "",
    "public_endpoint": "",
    "region": "us-east-1",
    "path_style": "",
    "conditions": "probe",
    "timeout": "20",
}
_CHOICES = {"path_style": ("", "yes", "no"), "conditions": ("probe", "none")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Bucket, name prefix and addresses of the server, which is that of AWS without an ``endpoint``.

    Clients of signed URLs reach it at ``public_endpoint``, if that is another.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    public_endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    # False: the server is known to ignore conditions of writes.
    conditions: bool = True
    timeout: float = 20.0

    def name_of(self, key: str) -> str:
        """Return the object name of a key."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key_of(self, name: str) -> str | None:
        """Return the key of an object name; None for a name outside the prefix."""
        if not self.prefix:
            return name
        return name.removeprefix(f"{self.prefix}/") if name.startswith(f"{self.prefix}/") else None


def parse(url: str) -> Location:
    """Parse ``s3://bucket[/prefix][?options]``. Raises UnknownStore."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    prefix = parts.path.strip("/")
    given = {name: values[0] for name, values in query.items()}
    options = {**_DEFAULTS, **given}
    if (
        parts.fragment
        or not all(len(values) == 1 and values[0] for values in query.values())
        or set(given) - set(_DEFAULTS)
        or _BUCKET.fullmatch(parts.netloc) is None
        or (prefix and _PREFIX.fullmatch(prefix) is None)
        or any(options[name] and _ENDPOINT.fullmatch(options[name]) is None for name in ("endpoint", "public_endpoint"))
        or _REGION.fullmatch(options["region"]) is None
        or any(options[name] not in choices for name, choices in _CHOICES.items())
        or re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]+)?", options["timeout"]) is None
        or float(options["timeout"]) <= 0
    ):
        raise UnknownStore(
            "the S3 store takes s3://bucket[/prefix][?endpoint=http://HOST:PORT&public_endpoint=URL&region=REGION&path_style=yes|no"
            f"&conditions=probe|none&timeout=SECONDS], not {url}"
        )
    style = options["path_style"] or ("yes" if options["endpoint"] else "no")
    return Location(
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=options["endpoint"].rstrip("/"),
        public_endpoint=options["public_endpoint"].rstrip("/"),
        region=options["region"],
        path_style=style == "yes",
        conditions=options["conditions"] == "probe",
        timeout=float(options["timeout"]),
    )

"""Parsed form of an ``s3://`` URL. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from storage_adapters.blobs.bucket_location import BucketLocation, read_url
from storage_adapters.errors import UnknownStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
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
class Location(BucketLocation):
    """Bucket, name prefix and addresses of the server, which is that of AWS without an ``endpoint``.

    Clients of signed URLs reach it at ``public_endpoint``, if that is another.
    """

    endpoint: str = ""
    public_endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    # False: the server is known to ignore conditions of writes.
    conditions: bool = True


def parse(url: str) -> Location:
    """Parse ``s3://bucket[/prefix][?options]``. Raises UnknownStore."""
    read = read_url(url, _BUCKET, _DEFAULTS)
    options = _DEFAULTS if read is None else read.options
    if (
        read is None
        or any(options[name] and _ENDPOINT.fullmatch(options[name]) is None for name in ("endpoint", "public_endpoint"))
        or _REGION.fullmatch(options["region"]) is None
        or any(options[name] not in choices for name, choices in _CHOICES.items())
    ):
        raise UnknownStore(
            "the S3 store takes s3://bucket[/prefix][?endpoint=http://HOST:PORT&public_endpoint=URL&region=REGION&path_style=yes|no"
            f"&conditions=probe|none&timeout=SECONDS], not {url}"
        )
    style = options["path_style"] or ("yes" if options["endpoint"] else "no")
    return Location(
        bucket=read.bucket,
        prefix=read.prefix,
        endpoint=options["endpoint"].rstrip("/"),
        public_endpoint=options["public_endpoint"].rstrip("/"),
        region=options["region"],
        path_style=style == "yes",
        conditions=options["conditions"] == "probe",
        timeout=float(options["timeout"]),
    )

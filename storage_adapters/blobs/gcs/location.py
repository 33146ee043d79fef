"""Parsed form of a ``gs://`` URL. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from storage_adapters.blobs.bucket_location import BucketLocation, read_url
from storage_adapters.errors import UnknownStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z0-9][a-z0-9-]{1,62}")
_DEFAULTS = {"credentials": "", "signer": "", "public": "signed", "timeout": "20", "user_project": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(BucketLocation):
    """Bucket, name prefix and access options. ``user_project`` pays for requests where requesters pay."""

    credentials: str = ""
    signer: str = ""
    public: bool = False
    user_project: str = ""


def parse(url: str) -> Location:
    """Parse ``gs://bucket[/prefix][?options]``. Raises UnknownStore."""
    read = read_url(url, _BUCKET, _DEFAULTS)
    options = _DEFAULTS if read is None else read.options
    public, user_project = options["public"], options["user_project"]
    if (
        read is None
        or public not in ("signed", "policy")
        or (user_project and _PROJECT.fullmatch(user_project) is None)
        # Where requesters pay, nobody reads without saying who pays.
        or (user_project and public == "policy")
    ):
        raise UnknownStore(
            "the GCS store takes gs://bucket[/prefix][?credentials=FILE&signer=EMAIL&public=signed|policy"
            f"&timeout=SECONDS&user_project=PROJECT], not {url}; public=policy and user_project exclude each other"
        )
    return Location(
        bucket=read.bucket,
        prefix=read.prefix,
        credentials=options["credentials"],
        signer=options["signer"],
        public=public == "policy",
        timeout=float(options["timeout"]),
        user_project=user_project,
    )

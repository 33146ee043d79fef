"""Idempotent setup of a bucket, step by step; a dry run only reports what is missing. Other rules stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.client import NoConditions, OtherObject, open_client, s3_errors_as_ours
from storage_adapters.blobs.s3.conditions import Conditions
from storage_adapters.blobs.s3.location import Location, parse
from storage_adapters.errors import BlobNotFound, StorageUnavailable, UnknownStore
from storage_adapters.options import BlobOptions
from storage_adapters.ports.setup import SetupStep

_CORS_ID, _LIFECYCLE_ID = "files-service", "files-unfinished-uploads"
# An address of a part is good for seven days.
_UNFINISHED_DAYS = 8
_METHODS = ["GET", "HEAD", "PUT"]
_Step = Callable[[], tuple[str, str]]


def set_up(
    url: str, options: BlobOptions, *, origins: Sequence[str], default_origins: Sequence[str] = (), dry_run: bool
) -> Iterator[SetupStep]:
    """Run the steps one after the other; a failed step does not prevent the others. Raises nothing."""
    try:
        location = parse(url)
        client, _ = open_client(location, options)
    except UnknownStore as error:
        yield SetupStep(name="bucket", state="failed", text=str(error))
        return
    with closing(client):
        yield from BucketSetup(client, location, origins, default_origins, dry_run=dry_run).steps()


class BucketSetup:
    """One bucket. Without ``origins`` a CORS rule for any origin passes the check.

    Where there is none, one for ``default_origins`` is written, if these are given.
    """

    def __init__(
        self, client: Any, location: Location, origins: Sequence[str], default_origins: Sequence[str], *, dry_run: bool
    ) -> None:
        self._client, self._location, self._dry_run = client, location, dry_run
        self._origins, self._default_origins = list(origins), list(default_origins)
        self._bucket = {"Bucket": location.bucket}

    def steps(self) -> Iterator[SetupStep]:
        """Run the steps; those behind the first only in a bucket that exists."""
        first = self._try("bucket", self._made)
        yield first
        if first.state in ("failed", "due"):
            return
        for name, step in (
            ("bucket CORS", self._cors),
            ("bucket lifecycle", self._lifecycle),
            ("versions", self._versions),
            ("conditional writes", self._conditions),
        ):
            yield self._try(name, step)

    def _try(self, name: str, step: _Step) -> SetupStep:
        try:
            state, text = step()
        except NoConditions:
            state, text = "failed", "the server does not implement this"
        except (StorageUnavailable, BlobNotFound, OtherObject) as error:
            state, text = "failed", str(error)
        return SetupStep(name=name, state=state, text=text)

    def _made(self) -> tuple[str, str]:
        try:
            with s3_errors_as_ours():
                self._client.head_bucket(**self._bucket)
        except BlobNotFound:
            pass
        else:
            return "ok", f"{self._location.bucket} exists"
        place = self._location.region
        where = {} if place == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": place}}
        return self._write("make it", lambda: self._client.create_bucket(**self._bucket, **where))

    def _cors(self) -> tuple[str, str]:
        found = self._read(self._client.get_bucket_cors, "CORSRules")
        ours = next((rule for rule in found if rule.get("ID") == _CORS_ID), None) or next(
            (rule for rule in found if set(_METHODS) <= set(rule.get("AllowedMethods", ()))), None
        )
        if ours is not None and set(self._origins) <= set(ours["AllowedOrigins"]):
            return "ok", f"pages of {', '.join(ours['AllowedOrigins'])} may use signed URLs"
        origins = self._origins or self._default_origins
        if not origins:
            return "due", "no page may use signed URLs"
        rule = {
            "ID": _CORS_ID,
            "AllowedOrigins": origins,
            "AllowedMethods": _METHODS,
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 3_600,
        }
        rules = [each for each in found if each is not ours] + [rule]
        return self._write(
            f"admit pages of {', '.join(origins)}",
            lambda: self._client.put_bucket_cors(**self._bucket, CORSConfiguration={"CORSRules": rules}),
        )

    def _lifecycle(self) -> tuple[str, str]:
        found = self._read(self._client.get_bucket_lifecycle_configuration, "Rules")
        name = "AbortIncompleteMultipartUpload"
        if any(rule.get("Status") == "Enabled" and rule.get(name) and _is_for_all(rule) for rule in found):
            return "ok", "unfinished uploads are ended"
        rule = {
            "ID": _LIFECYCLE_ID,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            name: {"DaysAfterInitiation": _UNFINISHED_DAYS},
        }
        rules = [each for each in found if each.get("ID") != _LIFECYCLE_ID] + [rule]
        return self._write(
            f"end uploads that are unfinished after {_UNFINISHED_DAYS} days",
            lambda: self._client.put_bucket_lifecycle_configuration(
                **self._bucket, LifecycleConfiguration={"Rules": rules}
            ),
        )

    def _versions(self) -> tuple[str, str]:
        with s3_errors_as_ours():
            status = self._client.get_bucket_versioning(**self._bucket).get("Status", "")
        if status == "Enabled":
            return "ok", "the bucket keeps, and charges for, versions of deleted blobs: add a rule that expires them"
        return "ok", "deleted blobs are gone"

    def _conditions(self) -> tuple[str, str]:
        if not self._location.conditions:
            return "ok", "not used: claims keep writers apart, and there are no signed PUTs"
        if Conditions(S3Api(self._client, self._location.bucket), self._location.name_of, ask=True).are_kept():
            return "ok", "the server keeps If-None-Match"
        return "failed", "the server ignores If-None-Match: add conditions=none to the URL"

    def _read(self, ask: Callable[..., Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
        """Return the rules of a bucket, none where it has no such configuration."""
        try:
            with s3_errors_as_ours():
                return list(ask(**self._bucket)[name])
        except BlobNotFound:
            return []

    def _write(self, text: str, write: Callable[[], object]) -> tuple[str, str]:
        if self._dry_run:
            return "due", text
        with s3_errors_as_ours():
            write()
        return "done", text


def _is_for_all(rule: Mapping[str, Any]) -> bool:
    return (
        not rule.get("Prefix")
        and not rule.get("Filter", {}).get("Prefix")
        and set(rule.get("Filter", {})) <= {"Prefix"}
    )

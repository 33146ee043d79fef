"""``files s3``: setting up a bucket of an S3 server."""

from __future__ import annotations

from collections.abc import Iterator

import click

from files_service.cli.session import Failed, Session
from files_service.cli.setup_steps import report
from files_service.config import Settings
from files_service.services.opening import blob_options
from storage_adapters import SetupStep, set_up_bucket


@click.group()
def s3() -> None:
    """Set up a bucket of an S3 server and check it."""


@s3.command()
@click.option("--dry-run", is_flag=True, help="Report what would be done without doing it.")
@click.option("--origin", "origins", multiple=True, metavar="URL", help="Origin that may use signed URLs; repeatable.")
@click.pass_obj
def setup(session: Session, *, dry_run: bool, origins: tuple[str, ...]) -> None:
    """Make the bucket, and set its CORS and lifecycle rules.

    Running it again changes nothing. The exit status is 1 when a step fails.
    """
    if not session.settings.blobs_url.startswith("s3:"):
        raise Failed("the blob store is not an S3 bucket", "Set FILES_BLOBS_URL=s3://bucket/prefix?endpoint=….")
    report(bucket_steps(session.settings, origins or ("*",), dry_run=dry_run))


def bucket_steps(settings: Settings, origins: tuple[str, ...], *, dry_run: bool) -> Iterator[SetupStep]:
    """Run the steps against the server of the settings."""
    return set_up_bucket(settings.blobs_url, blob_options(settings), origins=origins, dry_run=dry_run)

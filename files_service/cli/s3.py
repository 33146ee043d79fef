"""``files s3``: setting up a bucket of an S3 server."""

from __future__ import annotations

from collections.abc import Iterator

import click

from files_service.cli.session import Failed, Session
from files_service.cli.setup_steps import default_origins, origin_option, report
from files_service.config import Settings
from files_service.services.opening import blob_options
from storage_adapters import SetupStep, set_up_bucket


@click.group()
def s3() -> None:
    """Set up a bucket of an S3 server and check it."""


@s3.command()
@click.option("--dry-run", is_flag=True, help="Report what would be done without doing it.")
@origin_option
@click.pass_obj
def setup(session: Session, *, dry_run: bool, origins: tuple[str, ...]) -> None:
    """Make the bucket, and set its CORS and lifecycle rules.

    Running it again changes nothing: without --origin a CORS rule that is there stays. The exit status is 1 when a step
    fails.
    """
    if not session.settings.blobs_url.startswith("s3:"):
        raise Failed("the blob store is not an S3 bucket", "Set FILES_BLOBS_URL=s3://bucket/prefix?endpoint=….")
    report(bucket_steps(session.settings, origins, default_origins(session.settings), dry_run=dry_run))


def bucket_steps(
    settings: Settings, origins: tuple[str, ...] = (), defaults: tuple[str, ...] = (), *, dry_run: bool
) -> Iterator[SetupStep]:
    """Run the steps against the server of the settings."""
    options = blob_options(settings)
    return set_up_bucket(settings.blobs_url, options, origins=origins, default_origins=defaults, dry_run=dry_run)

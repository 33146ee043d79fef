"""``files gcs``: setting up a Google Cloud Storage bucket for upload notifications."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import click

from files_service.cli.session import Failed, Session
from files_service.cli.setup_steps import default_origins, origin_option, report
from files_service.config import Settings
from storage_adapters import DesiredState, SetupStep, set_up_notifications

PUSH_PATH = "/webhooks/gcs/pubsub"


@click.group()
def gcs() -> None:
    """Set up a Google Cloud Storage bucket and check it."""


@gcs.command()
@click.option("--dry-run", is_flag=True, help="Report what would be done without doing it.")
@origin_option
@click.pass_obj
def setup(session: Session, *, dry_run: bool, origins: tuple[str, ...]) -> None:
    """Set up bucket, topic, notification and subscriptions.

    Running it again changes nothing: without --origin a CORS rule that is there stays. The bucket must exist. The exit
    status is 1 when a step fails.
    """
    wanted = desired_state_of(session.settings, origins, default_origins(session.settings))
    report(steps(session.settings, wanted, dry_run=dry_run))


def steps(settings: Settings, wanted: DesiredState, *, dry_run: bool) -> Iterator[SetupStep]:
    """Run the steps against the API endpoints of the settings."""
    return set_up_notifications(
        wanted,
        dry_run=dry_run,
        storage_emulator_host=settings.storage_emulator_host,
        pubsub_emulator_host=settings.pubsub_emulator_host,
    )


def desired_state_of(settings: Settings, origins: tuple[str, ...] = (), defaults: tuple[str, ...] = ()) -> DesiredState:
    """Return the desired configuration. Raises Failed when the settings are incomplete."""
    blobs, queue = urlsplit(settings.blobs_url), urlsplit(settings.notifications_url)
    if blobs.scheme != "gs":
        raise Failed("the blob store is not a Cloud Storage bucket", "Set FILES_BLOBS_URL=gs://bucket/prefix.")
    project = settings.gcs_project or queue.netloc
    if not project:
        raise Failed("no project is configured", "Set FILES_GCS_PROJECT to the project of the topic and the bucket.")
    pushes = bool(settings.webhook_email or settings.webhook_token)
    if not pushes and not settings.notifications_url:
        raise Failed(
            "no receiver of notifications is configured",
            "Set FILES_WEBHOOK_EMAIL for push delivery, or FILES_NOTIFICATIONS_URL to let the worker pull.",
        )
    address = f"{settings.public_url}{PUSH_PATH}"
    return DesiredState(
        bucket=blobs.netloc,
        prefix=blobs.path.strip("/"),
        project=project,
        topic=settings.pubsub_topic,
        push_subscription=f"{settings.pubsub_topic}-push",
        push_url=address if pushes else "",
        push_token="" if settings.webhook_email else settings.webhook_token,
        push_email=settings.webhook_email,
        push_audience=settings.webhook_audience or address,
        pull_subscription=queue.path.strip("/") if settings.notifications_url else "",
        origins=origins,
        default_origins=defaults,
        user_project=dict(parse_qsl(blobs.query)).get("user_project", ""),
    )

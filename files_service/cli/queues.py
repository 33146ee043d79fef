"""The configured notification queue."""

from __future__ import annotations

from urllib.parse import urlsplit

from files_service.cli.session import Failed
from files_service.config import Settings
from files_service.messaging.bucket_events import SCHEME, BucketEvents
from storage_adapters import NotificationQueue, QueueOptions, UnknownStore, open_notification_queue

_ADVICE = (
    "Correct FILES_NOTIFICATIONS_URL: pubsub://PROJECT/SUBSCRIPTION, or for an S3 bucket broker://QUEUE?exchange=NAME"
)


def open_queue(settings: Settings) -> NotificationQueue | None:
    """Open the notification queue, if one is configured."""
    if not settings.notifications_url:
        return None
    try:
        if urlsplit(settings.notifications_url).scheme == SCHEME:
            return BucketEvents.from_url(
                settings.notifications_url, settings.amqp_uri or "", queue_type=settings.queue_type
            )
        return open_notification_queue(
            settings.notifications_url, QueueOptions(emulator_host=settings.pubsub_emulator_host)
        )
    except UnknownStore as error:
        raise Failed(str(error), _ADVICE) from error

"""The configured notification queue."""

from __future__ import annotations

from files_service.cli.session import Failed
from files_service.config import Settings
from storage_adapters import NotificationQueue, QueueOptions, UnknownStore, open_notification_queue


def open_queue(settings: Settings) -> NotificationQueue | None:
    """Open the notification queue, if one is configured."""
    if not settings.notifications_url:
        return None
    try:
        return open_notification_queue(
            settings.notifications_url, QueueOptions(emulator_host=settings.pubsub_emulator_host)
        )
    except UnknownStore as error:
        raise Failed(str(error), "Correct FILES_NOTIFICATIONS_URL.") from error

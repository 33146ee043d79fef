"""Readiness checks of the parts of a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from files_service.core import Core
from files_service.services.listing.list_store import ListStore, NotACopy

# Answering is more work for a broker than a ping, and it logs each connection.
TTL_SECONDS = 5.0
BROKER_TIMEOUT_SECONDS = 3.0


class NotReady(Exception):
    """A part does not work; the message contains no secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part with ``check``, which returns when it works. The process still does its work without an optional part."""

    name: str
    check: Callable[[], None]
    required: bool = True
    lifetime_seconds: float = 0.0


def parts_of(core: Core) -> list[Part]:
    """Return the parts of every process with these settings."""
    parts = [Part(name="metadata", check=core.metadata.ping), Part(name="blobs", check=core.blobs.ping)]
    if core.lists.second is not None:
        # Lists fall back to the primary.
        parts.append(Part(name="lists", check=partial(check_lists, core.lists.second), required=False))
    uri = core.settings.amqp_uri
    if uri:
        # HTTP calls and processing need no broker, and events wait in the change feed.
        broker = Part(name="broker", check=lambda: check_broker(uri), required=False, lifetime_seconds=TTL_SECONDS)
        parts.append(broker)
    return parts


def check_lists(second: ListStore) -> None:
    """Return when the list store answers and may. Raises NotReady, StorageUnavailable."""
    try:
        second.check()
    except NotACopy as error:
        raise NotReady(str(error)) from error


def check_broker(amqp_uri: str) -> None:
    """Return when the broker accepts a connection."""
    from files_service.messaging.address import open_connection

    open_connection(amqp_uri, connect_timeout=BROKER_TIMEOUT_SECONDS).close()

"""The parts that a process needs or would like to have, and how each is asked whether it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from files_service.core import Core

# What a broker has to do to answer is more than a ping, and it writes a line about each connection.
BROKER_LIFETIME_SECONDS = 5.0
BROKER_PATIENCE_SECONDS = 3.0


class NotReady(Exception):
    """A part does not work; the message may be shown to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``check`` returns when the part works. Without one that is not required, the process still does its work."""

    name: str
    check: Callable[[], None]
    required: bool = True
    lifetime_seconds: float = 0.0


def parts_of(core: Core) -> list[Part]:
    """The parts that every process of these settings has."""
    parts = [Part(name="metadata", check=core.metadata.ping), Part(name="blobs", check=core.blobs.ping)]
    if core.lists.second is not None:
        # Lists fall back to the primary.
        parts.append(Part(name="lists", check=core.lists.second.check, required=False))
    uri = core.settings.amqp_uri
    if uri:
        # Calls by HTTP and processing need none, and events wait in the change feed.
        broker = Part(name="broker", check=lambda: greet(uri), required=False, lifetime_seconds=BROKER_LIFETIME_SECONDS)
        parts.append(broker)
    return parts


def greet(amqp_uri: str) -> None:
    """Return when the broker takes a connection."""
    from files_service.messaging.address import open_connection

    open_connection(amqp_uri, connect_timeout=BROKER_PATIENCE_SECONDS).close()

"""Checks of ``files doctor`` for the broker, and for the queue of notifications."""

from __future__ import annotations

from contextlib import closing

from files_service.cli.finding import PATIENCE_SECONDS, Finding
from files_service.cli.queues import open_queue
from files_service.cli.session import Failed
from files_service.config import Settings

_PART = "broker"


def check_broker(settings: Settings) -> Finding:
    """Check that the broker accepts a connection, as every process opens one."""
    if not settings.amqp_uri:
        return Finding(_PART, "no broker is configured; events go to the log (AMQP_URI is empty)")
    import amqp

    from files_service.messaging.address import connection_options, open_connection

    try:
        options = connection_options(settings.amqp_uri)
    except ValueError as error:
        return Finding(_PART, str(error), "Correct AMQP_URI.")
    shown = f"{options['host']}, virtual host {options['virtual_host']},"
    try:
        open_connection(settings.amqp_uri, connect_timeout=PATIENCE_SECONDS).close()
    except (OSError, amqp.AMQPError) as error:
        text = f"{shown} does not answer: {error or type(error).__name__}"
        return Finding(_PART, text, "Start RabbitMQ, or correct user, password and host in AMQP_URI.")
    return Finding(_PART, f"{shown} answers")


def fault_of_queue(settings: Settings) -> tuple[str, str] | None:
    """Return why no worker can open the queue of notifications, and advice; None where one can, or without a queue."""
    try:
        if queue := open_queue(settings):
            with closing(queue):
                return None
    except Failed as error:
        text, _, advice = error.message.partition("\n")
        return text, advice
    return None

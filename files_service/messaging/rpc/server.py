"""The nameko process: runs services until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import eventlet
from eventlet import hubs
from nameko.runners import ServiceRunner

from files_service.messaging.rpc.shared_core import SharedCore, close_shared
from files_service.runtime.signals import listen_for_signals

logger = logging.getLogger(__name__)

KILL_SECONDS = 5


def run_services(services: Sequence[type], config: Mapping[str, Any], shared: SharedCore) -> None:
    """Serve until a signal; then finish calls in flight within ``stop_timeout_seconds``.

    The services share the core, which is opened with these settings and released at the end. Nothing is monkey-patched;
    only the broker's socket is green.
    """
    logging.getLogger("nameko.containers").addFilter(_is_unexpected)
    runner = ServiceRunner(dict(config))
    for service in services:
        runner.add_service(service)
    signalled = listen_for_signals()
    eventlet.spawn(_start, runner)
    hubs.trampoline(signalled, read=True)
    _stop(runner, shared.core.settings.stop_timeout_seconds)
    close_shared(shared)


def _is_unexpected(record: logging.LogRecord) -> bool:
    # nameko logs a traceback for each error meant for a caller; the dispatcher logs those in one line.
    return not str(record.msg).startswith("(expected)")


def _start(runner: ServiceRunner) -> None:
    try:
        runner.start()
    except Exception:
        logger.exception("cannot start the services")
        logging.shutdown()
        os._exit(1)
    logger.info("ready", extra={"services": list(runner.service_names)})


def _stop(runner: ServiceRunner, seconds: int) -> None:
    logger.info("stopping", extra={"stop_timeout_seconds": seconds})
    try:
        with eventlet.Timeout(seconds or KILL_SECONDS):
            runner.stop()
            return
    except eventlet.Timeout:
        logger.warning("stopped before all calls were finished; the broker will redeliver them")
    with eventlet.Timeout(KILL_SECONDS, False):  # noqa: FBT003 - eventlet's way to say: raise nothing
        runner.kill()
    # Threads in the middle of an action cannot be ended, and the time limit forbids waiting for them.
    logging.shutdown()
    os._exit(1)

"""One card, from its listing to its verdict: the entry of ``files ingest`` and of the daemon ``files watch``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing, suppress
from typing import Any

from files_service.errors import Conflict, FilesError, Gone, NotFound, WrongStatus
from files_service.ingest.alone import alone
from files_service.ingest.card import Card
from files_service.ingest.copying import Copying
from files_service.ingest.database import Database
from files_service.ingest.faults import Patience
from files_service.ingest.held_root import HeldRoot
from files_service.ingest.options import Ending, Options, Outcome
from files_service.ingest.reader import CardReader, DeviceGone, Exchanged
from files_service.ingest.service import Service, Unreachable
from files_service.ingest.transfer import FILES_READ
from files_service.ingest.transports.opening import open_transport

_LAST_WORDS_SECONDS = 5
_STOP_LOOK_SECONDS = 0.1


class _Stopped(Exception):
    """A run that was told to stop."""


def run_card(card: Card, options: Options, service: Service) -> Outcome:
    """Send the files of a card to the service and return the outcome; block until then.

    A pulled card and a set ``stop`` interrupt the run; the next one of the same card continues it.
    """
    return asyncio.run(_run(card, options, service))


async def _run(card: Card, options: Options, service: Service) -> Outcome:
    async with AsyncExitStack() as stack:
        if not stack.enter_context(alone(options.state_folder, service.url, card.card_id)):
            reason = "another run on this machine takes this card"
            return Outcome(ending=Ending.REFUSED, reason=reason, is_busy=True)
        database = stack.enter_context(closing(Database(options.state_folder)))
        remote = await stack.enter_async_context(service.connect())
        pool = stack.enter_context(ThreadPoolExecutor(2 * FILES_READ, "card"))
        patience = Patience(
            remote,
            options.progress.said,
            first_seconds=options.first_pause_seconds,
            waits_for_token=options.wait_for_token,
        )
        try:
            held = stack.enter_context(closing(HeldRoot(card)))
            reader = CardReader(card.root, read=options.read)
        except DeviceGone as error:
            return Outcome(ending=Ending.INTERRUPTED, reason=str(error))
        transport = open_transport(options.transport, remote, options.amqp_uri)
        stack.push_async_callback(transport.close)
        copying = Copying(card, options, held, reader, remote, patience, transport, database, pool)
        try:
            return await _until_stopped(copying.run(), options.stop)
        except (DeviceGone, _Stopped, Unreachable, FilesError) as error:
            if isinstance(error, Exchanged):
                copying.forget()
            with suppress(Exception):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await copying.say_interrupted()
            return copying.outcome(*_end_by(error))


def _end_by(error: Exception) -> tuple[Ending, str]:
    """Return how an error ends a run, and the reason; the next run begins a session that is gone anew."""
    if not isinstance(error, FilesError):
        return Ending.INTERRUPTED, str(error)
    is_gone = isinstance(error, NotFound | Gone | Conflict | WrongStatus)
    return Ending.INTERRUPTED if is_gone else Ending.REFUSED, f"{error.code}: {error}"


async def _until_stopped(work: Coroutine[Any, Any, Outcome], stop: threading.Event) -> Outcome:
    task = asyncio.create_task(work)
    try:
        while not task.done():
            if stop.is_set():
                raise _Stopped("stopped")
            await asyncio.wait((task,), timeout=_STOP_LOOK_SECONDS)
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait((task,))

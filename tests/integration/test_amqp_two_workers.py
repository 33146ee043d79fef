"""Workers that share the feed are killed: each event arrives, in order, and twice only under the same id."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from files_service.config import load_settings
from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from files_service.services.files import require
from files_service.services.opening import open_core
from storage_adapters import BEGINNING, JSON, SupportsChanges
from tests.cores import call, uploaded_file
from tests.feeds import by_file, file_changes, is_announced
from tests.scale import at_scale
from tests.servers.processes import ServiceProcess
from tests.waiting import wait_until

UPLOADS = at_scale(quick=60, default=60, nightly=3_000)
KILLS = at_scale(quick=2, default=2, nightly=20)
SECONDS = 600
COMMAND = ("-m", "files_service.cli", "--config", "{config}", "worker")


class Hearer:
    """A queue of its own that takes all events, and the event ids in the order in which they came."""

    def __init__(self, uri: str) -> None:
        self._connection = open_connection(uri)
        self._channel = self._connection.channel()
        self._channel.exchange_declare(EVENT_EXCHANGE, "topic", durable=True, auto_delete=False)
        self._queue = self._channel.queue_declare(exclusive=True).queue
        self._channel.queue_bind(self._queue, EVENT_EXCHANGE, "#")
        self.ids: list[str] = []

    def listen(self) -> None:
        """Take what is there."""
        while (message := self._channel.basic_get(self._queue, no_ack=True)) is not None:
            self.ids.append(json.loads(message.body)["event_id"])

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def hearer(amqp_uri: str) -> Iterator[Hearer]:
    with closing(Hearer(amqp_uri)) as hearer:
        yield hearer


def expected_ids(core: Core) -> list[str]:
    changes = file_changes(require(core.metadata, SupportsChanges))
    return [change.record.change_token for change in changes if change.event is not None]


def counted(core: Core) -> JSON:
    by_status: JSON = call(core, "files.count", owner="ann")["by_status"]
    return by_status


def goes_on(core: Core, uploading: threading.Thread, events: int) -> bool:
    """Whether there are more events than that, or will be none."""
    return len(expected_ids(core)) > events or not uploading.is_alive()


def upload_in_background(core: Core) -> threading.Thread:
    thread = threading.Thread(target=lambda: [uploaded_file(core) for _ in range(UPLOADS)])
    thread.start()
    return thread


@pytest.mark.timeout(1_800)
def test_killed_workers_lose_no_event_and_repeat_none_but_by_its_id(
    amqp_uri: str, redis_url: str, hearer: Hearer, tmp_path: Path
) -> None:
    environ = {"FILES_METADATA_URL": redis_url, "FILES_LOG_FORMAT": "json"}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                ServiceProcess(
                    tmp_path / str(number),
                    amqp_uri,
                    command=COMMAND,
                    environ={**environ, "FILES_DATA_DIR": str(tmp_path / "data")},
                )
            )
            for number in range(2)
        ]
        core = stack.enter_context(closing(open_core(load_settings(workers[0].config))))
        feed = require(core.metadata, SupportsChanges)
        feed.move_checkpoint("test", expected="", sequence=BEGINNING)
        uploading = upload_in_background(core)
        for kill in range(KILLS):
            # Each is killed in turn, with events of its partitions on their way.
            before = len(expected_ids(core))
            wait_until(partial(goes_on, core, uploading, before), seconds=SECONDS)
            workers[kill % 2].kill()
            workers[kill % 2].start()
        uploading.join()
        wait_until(lambda: counted(core) == {"processed": UPLOADS}, seconds=SECONDS)
        wait_until(lambda: is_announced(feed), seconds=SECONDS)
        hearer.listen()
        assert by_file(dict.fromkeys(hearer.ids)) == by_file(expected_ids(core))

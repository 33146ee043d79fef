"""Two gateways and two workers behind Caddy: one gateway is killed again and again, and every upload is whole."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services.content import read
from files_service.services.files import require
from files_service.services.opening import open_core
from storage_adapters import BEGINNING, SupportsChanges
from tests.cores import processed_file, settings_for
from tests.faults.gateways import PACKAGED, GatewayProcess
from tests.feeds import file_changes
from tests.integration.balanced import Events, Reader, Sender
from tests.scale import at_scale
from tests.servers.caddy import Caddy
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.waiting import wait_until

UPLOADS = at_scale(quick=40, default=40, nightly=2_000)
KILL_EVERY_SECONDS = at_scale(quick=0.0, default=0.0, nightly=20.0)
KILLS = at_scale(quick=2, default=2, nightly=1_000)
AT_ONCE = 8
SECONDS = 1_200
CONFIG = PACKAGED + "  chunk_bytes: 32768\n"


class Site:
    """The load balancer, what is behind it, and a core on the same stores."""

    def __init__(self, stack: ExitStack, folder: Path, metadata_url: str) -> None:
        self.folder = folder / "data"
        self.folder.mkdir()
        # Known before the gateways start: their signed URLs begin with it.
        [port] = free_ports(1)
        environ = {
            "FILES_METADATA_URL": metadata_url,
            "FILES_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "FILES_TRUSTED_PROXIES": "127.0.0.1",
            "FILES_DATA_DIR": str(self.folder),
        }
        self.gateways = [GatewayProcess(self.folder, CONFIG, **environ) for _ in range(2)]
        for gateway in self.gateways:
            stack.callback(gateway.close)
            gateway.start()
        for number in range(2):
            stack.enter_context(
                ServiceProcess(
                    folder / f"worker-{number}",
                    "",
                    command=("-m", "files_service.cli", "--config", "{config}", "worker"),
                    environ=environ,
                )
            )
        self.caddy = Caddy(folder / "caddy", [gateway.port for gateway in self.gateways], port=port)
        stack.enter_context(self.caddy)
        self.core: Core = stack.enter_context(
            closing(open_core(settings_for(self.folder, **{**environ, "FILES_DATA_DIR": str(self.folder)})))
        )


@pytest.fixture
def site(tmp_path: Path, redis_url: str) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack, tmp_path, redis_url)


def has_sent(sent: list[str], wanted: int, done: threading.Event) -> bool:
    return len(sent) >= wanted or done.is_set()


def kill_in_turn(site: Site, done: threading.Event, sent: list[str]) -> int:
    """Kill one gateway after the other while uploads are on their way; return how often."""
    for kills, gateway in enumerate(cycle(site.gateways)):
        if kills == KILLS:
            return kills
        if done.wait(KILL_EVERY_SECONDS):
            return kills
        wanted = 0 if KILL_EVERY_SECONDS else (kills + 1) * UPLOADS // (KILLS + 1)
        wait_until(partial(has_sent, sent, wanted, done), seconds=SECONDS)
        gateway.kill()
        gateway.start()
    raise AssertionError


@pytest.mark.timeout(3_600)
def test_every_upload_is_whole_and_completed_once_while_gateways_are_killed(site: Site) -> None:
    content = b"read me"
    known = processed_file(site.core, content, name="known", access="public")["file_id"]
    feed = require(site.core.metadata, SupportsChanges)
    feed.move_checkpoint("test", expected="", sequence=BEGINNING)
    port = site.caddy.port
    done = threading.Event()
    sent: list[str] = []

    def send(number: int) -> tuple[str, Sender]:
        sender = Sender(port, number)
        file_id = sender.send()
        sent.append(file_id)
        return file_id, sender

    with closing(Events(port)) as events, closing(Reader(port, known, content)) as reader:
        wait_until(lambda: events.connected == 1, seconds=SECONDS)
        with ThreadPoolExecutor(1) as killer, ThreadPoolExecutor(AT_ONCE) as pool:
            killing = killer.submit(kill_in_turn, site, done, sent)
            try:
                uploads = dict(pool.map(send, range(UPLOADS)))
            finally:
                done.set()
            kills = killing.result()
        assert kills > 0
        # Whichever gateway the page is at now, it hears of a change made at another.
        last, _ = send(UPLOADS)
        wait_until(lambda: last in events.heard, seconds=SECONDS)
        wait_until(lambda: reader.answers > 20, seconds=SECONDS)
    assert reader.failures == []
    # The reader asks one question at a time: a kill cuts one answer at most.
    assert reader.cuts <= kills
    assert len(uploads) == UPLOADS
    assert_whole(site.core, uploads)


def assert_whole(core: Core, uploads: dict[str, Sender]) -> None:
    """Every file is what was sent, and was completed once."""

    def unfinished() -> dict[str, str]:
        records = {sender.name: core.metadata.get(file_id) for file_id, sender in uploads.items()}
        return {name: record.status.value for name, record in records.items() if record.status.value != "processed"}

    with suppress(AssertionError):
        wait_until(lambda: not unfinished(), seconds=SECONDS)
    assert unfinished() == {}
    completed = Counter(
        change.file_id for change in file_changes(require(core.metadata, SupportsChanges)) if change.event == "uploaded"
    )
    for file_id, sender in uploads.items():
        record = core.metadata.get(file_id)
        assert b"".join(b"".join(read(core, part)) for part in record.parts) == sender.content, sender.name
        assert record.size == len(sender.content)
        assert completed[file_id] == 1, sender.name

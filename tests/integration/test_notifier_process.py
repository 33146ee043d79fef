"""``files notifier`` as a process: it tells of a card, is ready, shows metrics, stops, and logs no address."""

from __future__ import annotations

import json
import urllib.request
from contextlib import closing
from pathlib import Path

from files_service.config import load_settings
from files_service.services.notices.feed import CONSUMER
from files_service.services.opening import open_core
from storage_adapters import SupportsChanges
from tests.cores import call
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.unit.notices.receiver import Receiver
from tests.waiting import PATIENCE_SECONDS, wait_until

NOTIFIER = ("-m", "files_service.cli", "--config", "{config}", "notifier")


def got(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_SECONDS) as reply:
        content: bytes = reply.read()
        return content


def test_a_process_tells_and_says_nothing_of_where(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with Receiver() as receiver:
        environ = {
            "FILES_NOTICE_CHANNELS": f"desk={receiver.url}",
            "FILES_METRICS_HTTP": f"127.0.0.1:{port}",
            "FILES_LOG_LEVEL": "DEBUG",
        }
        # A disk that is critical is told at once.
        full = {"notice_disk_percent": 90, "notice_disk_bytes": 2**53 - 1}
        process = ServiceProcess(tmp_path, "", command=NOTIFIER, environ=environ, FILES=full)
        with closing(open_core(load_settings(process.config))) as core:
            given = {"card_id": "c", "label": "EOS", "size_bytes": 2**53 - 1}
            call(core, "cards.inserted", owner="ann", card=given)
            with process:
                assert isinstance(core.metadata, SupportsChanges)
                wait_until(lambda: bool(receiver.messages), seconds=PATIENCE_SECONDS)
                assert core.metadata.checkpoint(CONSUMER)
                assert json.loads(got(port, "/readyz"))["ready"]
                assert json.loads(got(port, "/healthz"))["ok"]
                assert 'files_notices_sent_total{channel="desk"}' in got(port, "/metrics").decode()
                assert process.stop() == 0
        assert "CRITICAL: almost no space" in receiver.messages[0]["message"]
        assert receiver.secret not in process.log()

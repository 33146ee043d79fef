"""docs/operations.md: every metric is described, and the backup it shows can be restored."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path

from files_service import service
from files_service.cli import MODULES
from files_service.config import Settings
from files_service.messaging.events import LogPublisher
from files_service.messaging.ingest.metrics import IngestMetrics
from files_service.runtime.metrics import Metrics
from files_service.services.listing.metrics import ListsCollector
from files_service.services.notices.delivery import Delivery
from files_service.worker.metrics import WorkerCollector
from files_service.worker.notices import NoticeCollector
from files_service.worker.run import Worker
from storage_adapters import install_command
from tests.cores import call, memory_core, processed_file, settings_for, sqlite_core
from tests.docs.pages import ROOT, all_pages, blocks, plain, read, rows, section

PAGE = read("docs/operations.md")


def test_every_command_is_documented() -> None:
    documented = {plain(row["command"]) for row in rows(section(PAGE, "Processes"), "command", "what it runs")}
    assert documented == {f"files {name}" for name in MODULES}


def test_extras_are_installed_in_the_clone_by_the_command_that_messages_name() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = set(setup["options.extras_require"]) - {"dev"}
    told = section(PAGE, "Processes")
    [named] = re.findall(r"an extra \(([^)]*)\)", told)
    assert set(re.findall(r"\w+", named)) == extras
    [command] = blocks(told, "console")
    assert command.text == f"$ {install_command('queue')}\n"
    # No index has the package.
    assert not [page for page in all_pages() if "'files-service[" in page.read_text() and page.name != "CHANGELOG.md"]


def test_every_service_of_the_broker_is_named_with_its_queue() -> None:
    classes = [each for each in vars(service).values() if getattr(each, "__module__", "") == service.__name__]
    names = {each.name for each in classes if isinstance(getattr(each, "name", None), str)}
    assert {"files", "files.tag"} < names
    [row] = [each for each in rows(section(PAGE, "Processes"), "command") if plain(each["command"]) == "files rpc"]
    assert set(re.findall(r"`([a-z.]+)`", row["what it runs"])) == names
    assert set(re.findall(r"`rpc-([a-z.]+)`", section(PAGE, "The broker"))) == names


def test_the_rotation_of_every_secret_is_described() -> None:
    hidden = {field.name for field in fields(Settings) if re.search("_(token|secret|key)$", field.name)}
    described = {name for row in rows(section(PAGE, "Rotate a secret"), "secret") for name in row["secret"].split(", ")}
    assert {"signing_key", "nodes_secret"} < hidden
    assert {plain(name) for name in described} == hidden


def test_every_part_of_the_readiness_of_a_gateway_is_documented() -> None:
    code = {name: (ROOT / "files_service" / name).read_text() for name in ("cli/up.py", "messaging/readiness.py")}
    parts = {name for text in code.values() for name in re.findall(r'\b(?:Part\(name=|ChildProcess\()"(\w+)"', text)}
    assert {"metadata", "worker", "notifier"} < parts
    documented = {plain(row["part"]) for row in rows(section(PAGE, "Health"), "part", "present", "required")}
    assert documented - {"gateway"} == parts


def test_every_metric_is_documented_with_its_type(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    metrics = Metrics()
    metrics.watch(WorkerCollector(Worker(core, LogPublisher())))
    metrics.watch(ListsCollector(core.lists))
    IngestMetrics(metrics)
    metrics.watch(NoticeCollector(core, Delivery(core, [])))
    suffixes = {"counter": "_total"}
    exported = {f"{metric.name}{suffixes.get(metric.type, '')}": metric.type for metric in metrics.registry.collect()}
    documented = {
        plain(row["metric"]): row["type"] for row in rows(section(PAGE, "Metrics"), "metric", "type", "labels")
    }
    assert documented == exported


def test_the_backup_of_a_running_service_can_be_restored(tmp_path: Path) -> None:
    settings_for(tmp_path / "data", FILES_RPC_TOKEN="")
    core = sqlite_core(tmp_path / "data")
    record = processed_file(core, b"precious")
    [script] = blocks(section(PAGE, "Back up and restore the embedded default"), "bash")
    for _ in range(2):
        subprocess.run(["bash", "-euo", "pipefail", "-c", script.text], cwd=tmp_path, check=True, timeout=60)
    core.close()

    (tmp_path / "backup").rename(tmp_path / "restored")
    restored = sqlite_core(tmp_path / "restored")
    assert call(restored, "files.info", file_id=record["file_id"]) == record
    assert b"".join(restored.blobs.get(record["parts"][0]["key"])) == b"precious"
    assert (tmp_path / "restored" / "secrets" / "rpc_token").stat().st_mode & 0o777 == 0o600
    restored.close()

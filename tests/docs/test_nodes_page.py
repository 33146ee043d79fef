"""The page about controllers: its tables are those of the code."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from files_service.cli.nodes import nodes
from files_service.gateway.doors.nodes.routes import DOOR
from files_service.nodes.controller.census.reports import save_outcome
from files_service.nodes.controller.duties import Duties
from files_service.nodes.controller.metrics import NodesCollector
from storage_adapters.blobs.nodes.protocol.census import Report
from tests.docs.pages import plain, read, rows, section
from tests.nodes.pings import core_of_nodes

PAGE = read("docs/nodes.md")


def test_every_metric_is_documented_with_its_type(tmp_path: Path) -> None:
    with closing(core_of_nodes(tmp_path)) as core, closing(Duties(core, holder="one")) as duties:
        save_outcome(core, Report(1))
        found = {metric.name: metric.type for metric in NodesCollector(core, duties).collect()}
    exported = {f"{name}_total" if kind == "counter" else name: kind for name, kind in found.items()}
    table = rows(section(PAGE, "Metrics"), "metric", "type", "labels")
    assert {plain(row["metric"]): row["type"] for row in table} == exported


def test_every_command_is_documented() -> None:
    table = rows(section(PAGE, "Commands"), "command", "meaning")
    assert sorted(plain(row["command"]).split()[2] for row in table) == sorted(nodes.commands)


def test_every_address_is_documented() -> None:
    table = rows(section(PAGE, "Addresses"), "address", "meaning")
    assert {plain(row["address"]) for row in table} == {f"{route.method} {route.path}" for route in DOOR.routes}

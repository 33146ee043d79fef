"""docs/operations.md, Two stores: every command, exit status and metric of the syncer is described."""

from __future__ import annotations

from syncer.cli import cli
from syncer.metrics import Metrics
from syncer.options import Exit
from tests.docs.pages import plain, read, rows, section

PAGE = section(read("docs/operations.md"), "Two stores")


def test_every_command_of_the_syncer_is_documented() -> None:
    assert {plain(row["command"]) for row in rows(PAGE, "command", "what it does")} == set(cli.commands)


def test_every_exit_status_is_documented() -> None:
    assert {int(row["exit status"]) for row in rows(PAGE, "exit status", "meaning")} == {each.value for each in Exit}


def test_every_metric_of_the_syncer_is_documented_with_its_type() -> None:
    suffixes = {"counter": "_total"}
    metrics = Metrics().registry.collect()
    exported = {f"{metric.name}{suffixes.get(metric.type, '')}": metric.type for metric in metrics}
    documented = {
        plain(row["metric of the syncer"]): row["type"] for row in rows(PAGE, "metric of the syncer", "type", "labels")
    }
    assert documented == exported

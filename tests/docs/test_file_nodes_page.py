"""docs/file-nodes.md: every option and metric of a node is described."""

from __future__ import annotations

from pathlib import Path

import click

from files_service.cli.node import node
from files_service.nodes.chunk_disk import FOLDERS
from tests.docs.pages import plain, read, rows, section
from tests.nodes.clusters import NodesInThreads

PAGE = read("docs/file-nodes.md")


def test_every_option_is_documented() -> None:
    documented = {plain(row["option"]).split()[0] for row in rows(PAGE, "option", "meaning")}
    assert documented == {each.opts[0] for each in node.params if isinstance(each, click.Option)}


def test_every_metric_and_every_folder_is_documented(tmp_path: Path) -> None:
    with NodesInThreads(tmp_path, 1) as nodes:
        found = {metric.name: metric.type for metric in nodes.nodes[0].node.metrics.collect()}
        names = {path.name for path in nodes.nodes[0].root.iterdir() if not path.name.startswith("inventory.db-")}
    exported = {f"{name}_total" if kind == "counter" else name: kind for name, kind in found.items()}
    table = rows(section(PAGE, "Metrics of a node"), "metric", "type", "labels")
    assert {plain(row["metric"]): row["type"] for row in table} == exported
    documented = {plain(row["name"]).rstrip("/") for row in rows(PAGE, "name", "content")}
    assert documented == names >= set(FOLDERS)

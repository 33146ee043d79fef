"""The operator's commands over real nodes, and a controller as a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import Result

from files_service.domain.uploads import part_key
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.identity import NodeRefused
from files_service.nodes.node import initialize
from storage_adapters.blobs.nodes.protocol.messages import TrashChunks
from tests.cores import SECRETS
from tests.gateway.serving import wait_until
from tests.nodes.censuses import Cluster, cluster, everywhere, stored
from tests.nodes.clusters import NodeThread
from tests.nodes.controller import SECRET
from tests.nodes.test_controller_census import NOBODY
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.unit.cli.running import run


def environ_of(folder: Path, port: int) -> dict[str, str]:
    return {
        "FILES_DATA_DIR": str(folder),
        "FILES_METADATA_URL": f"sqlite:///{folder}/files.db",
        "FILES_BLOBS_URL": f"nodes://127.0.0.1:{port}",
        "FILES_NODES_SECRET": SECRET,
        **SECRETS,
    }


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "service").mkdir()
    with cluster(tmp_path, "a", "b", "c", metadata_url=f"sqlite:///{tmp_path}/service/files.db") as running:
        yield running


@pytest.fixture
def environ(nodes: Cluster, tmp_path: Path) -> dict[str, str]:
    return environ_of(tmp_path / "service", nodes.served.port)


def files_nodes(environ: Mapping[str, str], *arguments: str, status: int = 0) -> str:
    result: Result = run(environ, "nodes", *arguments)
    assert result.exit_code == status, result.output
    return result.output


def line_of(environ: Mapping[str, str], node_id: str) -> str:
    """What the status says of a node."""
    [line] = [each for each in files_nodes(environ, "status").splitlines() if each.startswith(node_id)]
    return line


def test_an_operator_sees_drains_confirms_and_removes(nodes: Cluster, environ: dict[str, str]) -> None:
    stored(nodes.core)
    assert files_nodes(environ, "status").count(" active answers ") == 3
    nodes.core.blobs.put(part_key("ann", NOBODY, "p0"), [b"x"], content_type="a/b", now=0)
    for _ in range(2):
        nodes.census(fuse_floor=0, fuse_share=0.0)
    assert "wait for: files nodes confirm" in files_nodes(environ, "status", status=1)
    assert files_nodes(environ, "confirm") == "2 copies may go to the trash\n"
    nodes.census(fuse_floor=0, fuse_share=0.0)
    assert files_nodes(environ, "confirm") == "nothing waits for a confirmation\n"
    drained = nodes.node_id("c")
    files_nodes(environ, "drain", drained[:8])
    files_nodes(environ, "drain", drained, "--undo")
    files_nodes(environ, "drain", drained)
    assert f" {len(nodes.names('c'))} chunks " in line_of(environ, drained)
    nodes.census()
    assert " 0 chunks " in line_of(environ, drained)
    assert "0 chunks lost" in files_nodes(environ, "remove", drained)
    assert drained not in files_nodes(environ, "status")
    assert "no node begins with" in files_nodes(environ, "remove", "nowhere", status=1)


def test_a_node_that_is_needed_stays_and_a_silent_one_is_told(nodes: Cluster, environ: dict[str, str]) -> None:
    stored(nodes.core)
    key, holders = next(iter(everywhere(nodes).items()))
    kept, other = sorted(holders)
    nodes.drop(other, key)
    needed = nodes.node_id(kept)
    assert "1 chunks that files need have no other good copy" in files_nodes(environ, "remove", needed, status=1)
    assert {node.state for node in Layouts(nodes.core).load().nodes} == {"active"}
    nodes.stop(other)
    assert " silent " in files_nodes(environ, "status", status=1)
    assert "does not answer" in files_nodes(environ, "remove", needed, "--accept-loss", "1", status=1)


def test_the_folder_of_a_removed_node_is_emptied_before_it_is_one_of_a_new_node(
    nodes: Cluster, environ: dict[str, str]
) -> None:
    removed, node = nodes.node_id("c"), nodes.nodes["c"]
    nodes.stop("c")
    files_nodes(environ, "remove", removed)
    with pytest.raises(NodeRefused, match="empty its folder, or take another, and start it with --init"):
        node.start()
    with pytest.raises(NodeRefused, match="or empty the folder first"):
        initialize(node.root, "files")
    shutil.rmtree(node.root)
    nodes.start("c")
    assert nodes.node_id("c") != removed


def test_too_few_nodes_for_all_copies_are_refused_and_told(nodes: Cluster, environ: dict[str, str]) -> None:
    stored(nodes.core)
    first, second = nodes.node_id("b"), nodes.node_id("c")
    files_nodes(environ, "drain", first)
    nodes.census()
    files_nodes(environ, "remove", first)
    for command in ("drain", "remove"):
        said = files_nodes(environ, command, second, status=1)
        assert "1 other nodes take chunks, too few for 2 copies" in said
    assert {node.state for node in Layouts(nodes.core).load().registered} == {"active"}
    nodes.census()
    assert "0 chunks have too few copies" in files_nodes(environ, "status")
    files_nodes(environ, "drain", second, "--accept-fewer-copies")
    assert "too few for 2 copies" in files_nodes(environ, "remove", second, status=1)
    files_nodes(environ, "remove", second, "--accept-fewer-copies")
    nodes.census()
    assert "3 chunks have too few copies" in files_nodes(environ, "status", status=1)


def test_damaged_copies_are_found_and_chunks_come_back_from_the_trash(nodes: Cluster, environ: dict[str, str]) -> None:
    stored(nodes.core)
    before = everywhere(nodes)
    key, holders = next(iter(before.items()))
    bad = nodes.nodes[min(holders)].node
    [(partition, name)] = [
        (number, entry.name)
        for number, *_ in bad.inventory.sums()
        for entry in bad.inventory.of_partition(number)
        if entry.name.startswith(key)
    ]
    path = bad.disk.path_of(partition, name)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert f"damaged {bad.node_id} {name}" in files_nodes(environ, "scrub", status=1)
    nodes.census()
    assert everywhere(nodes) == before
    assert "0 lost" not in files_nodes(environ, "scrub", bad.node_id)
    controller = nodes.controller()
    for node in controller.layouts.load().registered:
        controller.nodes.ask(node, TrashChunks((name,), "removed"))
    controller.close()
    assert everywhere(nodes)[key] == set()
    assert files_nodes(environ, "restore", name) == f"{name} is there\n"
    assert everywhere(nodes)[key] == holders
    assert "is in no trash" in files_nodes(environ, "restore", f"{name}x", status=1)


def test_without_nodes_the_commands_say_so(tmp_path: Path) -> None:
    environ = {"FILES_DATA_DIR": str(tmp_path), "FILES_NODES_SECRET": "", **SECRETS}
    assert "FILES_NODES_SECRET is not set" in files_nodes(environ, "status", status=1)
    assert "FILES_BLOBS_URL is not nodes://" in files_nodes(
        environ | {"FILES_NODES_SECRET": SECRET}, "status", status=1
    )


def test_a_controller_registers_nodes_and_runs_a_census(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    environ = environ_of(tmp_path, port) | {"FILES_HTTP": f"127.0.0.1:{port}"}
    with ServiceProcess(
        tmp_path / "log", "", command=("-m", "files_service.cli", "--config", "{config}", "controller"), environ=environ
    ) as controller:
        controller.wait_for_log('"event": "ready"')
        running = [NodeThread(tmp_path / name, f"127.0.0.1:{port}", zone=name).start() for name in ("a", "b")]
        try:
            wait_until(lambda: "census 1 at" in run(environ, "nodes", "status").output)
            assert files_nodes(environ, "status").count(" active answers ") == 2
        finally:
            for node in running:
                node.stop()

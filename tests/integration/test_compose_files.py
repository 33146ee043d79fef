"""The services of the compose files, started as processes with the commands and variables that these files have."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

import pytest

from tests.cores import SECRETS
from tests.gateway.owners import bearer
from tests.integration.composed import Composed
from tests.servers.caddy import ask
from tests.servers.ports import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS
from tests.waiting import PATIENCE_SECONDS, wait_until

CONTENT = os.urandom(5_000_000)
BROKER = "amqp://files:broker-password@rabbitmq:5672/"
REDIS = "redis://:redis-password@redis:6379"
S3 = "http://seaweedfs:8333"
PUBLIC_S3 = "http://127.0.0.1:8333"


def composed(name: str, folder: Path, servers: dict[str, str]) -> Composed:
    """Fill in a file: its load balancer is at a free port."""
    [port] = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    variables = {
        **SECRETS,
        "RABBITMQ_PASSWORD": "broker-password",
        "REDIS_PASSWORD": "redis-password",
        "SEAWEEDFS_SECRET": SECRET_KEY,
        "FILES_NODES_SECRET": "nodes-secret-of-compose-for-tests-0123456789",
        "FILES_ADDRESS": address,
        "FILES_PUBLIC_URL": address,
    }
    return Composed(name, folder, variables, servers)


def assert_a_file_goes_in_and_out(files: Composed) -> None:
    """Upload by the load balancer, and read it again when a worker has processed it."""
    port = int(files.environ("gateway-1")["FILES_PUBLIC_URL"].rpartition(":")[2])
    headers = {**bearer("ann"), "Content-Type": "video/mp4"}
    wait_until(lambda: ask(port, "GET", "/healthz")[0] == 200, seconds=PATIENCE_SECONDS)
    status, said = ask(port, "POST", "/api/files/upload?name=clip.mp4", CONTENT, headers)
    assert status == 201, said
    file_id = json.loads(said)["file_id"]

    def is_processed() -> bool:
        return bool(
            json.loads(ask(port, "GET", f"/api/files/{file_id}", headers=bearer("ann"))[1])["status"] == "processed"
        )

    wait_until(is_processed, seconds=PATIENCE_SECONDS)
    assert ask(port, "GET", f"/api/files/{file_id}/download", headers=bearer("ann")) == (200, CONTENT)


@pytest.mark.nightly
def test_three_nodes_and_a_controller_keep_a_file(tmp_path: Path, amqp_uri: str, redis_url: str) -> None:
    files = composed("compose.nodes.yaml", tmp_path, {BROKER: amqp_uri, REDIS: redis_url})
    with files.running():
        assert_a_file_goes_in_and_out(files)
        # Two chunks, each on two of three nodes at least.
        chunks = [_chunks(files.port(f"node-{number}", "8090")) for number in (1, 2, 3)]
        assert sum(chunks) >= 4


@pytest.mark.nightly
def test_seaweedfs_keeps_a_file(tmp_path: Path, own_broker: RabbitMQ, redis_url: str, seaweedfs: SeaweedFS) -> None:
    # Queues that another test declared are classic and stay so.
    own_broker.control("add_vhost", "scale")
    own_broker.control("set_permissions", "-p", "scale", "guest", ".*", ".*", ".*")
    servers = {
        BROKER: f"{own_broker.uri}scale",
        REDIS: redis_url,
        S3: seaweedfs.endpoint,
        PUBLIC_S3: seaweedfs.endpoint,
    }
    files = composed("compose.scale.yaml", tmp_path, servers)
    for service in files.ours:
        files.services[service]["environment"]["FILES_S3_ACCESS_KEY_ID"] = ACCESS_KEY
    with files.running():
        assert "bucket" in files.log("bucket-setup")
        assert_a_file_goes_in_and_out(files)


def _chunks(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as answer:
        text = answer.read().decode()
    return int(float(next(line for line in text.splitlines() if line.startswith("files_node_chunks ")).split()[1]))

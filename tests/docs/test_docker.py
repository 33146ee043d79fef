"""The container files are well formed and name things that exist. They are parsed here, not built."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from typing import Any

import yaml

from tests.docs.pages import ROOT, read

COMPOSE: dict[str, Any] = yaml.safe_load(read("docker/compose.yaml"))
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


def test_the_compose_file_has_known_keys_alone() -> None:
    assert set(COMPOSE) == {"name", "services", "volumes"}
    known = {"build", "image", "hostname", "environment", "ports", "volumes", "depends_on", "restart"}
    known |= {"healthcheck", "stop_grace_period"}
    for service in COMPOSE["services"].values():
        assert set(service) <= known


def test_services_depend_on_services_that_say_when_they_are_healthy() -> None:
    for service in COMPOSE["services"].values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert COMPOSE["services"][name]["healthcheck"]["test"][0] == "CMD"


def test_volumes_are_declared_and_ports_bound_to_loopback() -> None:
    used = {volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"])
    assert all(port.startswith("127.0.0.1:") for service in COMPOSE["services"].values() for port in service["ports"])


def test_the_build_finds_its_files() -> None:
    build = COMPOSE["services"]["files"]["build"]
    context = (ROOT / "docker" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()
    sources = [path for copy in instructions("COPY") if "--from" not in copy for path in copy.split()[:-1]]
    assert [path for path in sources if not (ROOT / path).exists()] == []
    kept = {line[1:] for line in read("docker/Dockerfile.dockerignore").splitlines() if line.startswith("!")}
    assert kept == set(sources)


def test_the_variables_are_settings() -> None:
    given = set(COMPOSE["services"]["files"]["environment"])
    given |= {word.split("=")[0] for line in instructions("ENV") for word in shlex.split(line)}
    assert given - {"PATH", "PYTHONUNBUFFERED"} <= SETTINGS


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

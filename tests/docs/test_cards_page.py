"""The page about cards: its commands run, and its tables are those of the code."""

from __future__ import annotations

import os
import re
import stat
import sys
import tomllib
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path

import pytest

from files_service.ingest.config import CardConfig, WatchConfig, load_config
from files_service.ingest.junk import JUNK
from files_service.ingest.listing import MAX_DEPTH, MAX_ENTRIES, MAX_PATH_BYTES
from files_service.ingest.volumes import PLACES
from files_service.ingest.watching import Told
from tests.cores import SECRETS, memory_core
from tests.docs.pages import ROOT, blocks, plain, read, section, tables
from tests.gateway.serving import serving
from tests.servers.commands import run_command

PAGE = read("docs/cards.md")
DOCUMENTED = "http://127.0.0.1:8080"
UNITS = sorted((ROOT / "docker" / "systemd").glob("*.service"))
# Each gives a service mounts of its own, in which it may miss a card.
OWN_MOUNTS = re.compile(
    r"Private(Tmp|Devices|Mounts|Users)|Protect\w+|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec)Paths|Root\w+|Bind\w+"
    r"|TemporaryFileSystem|MountFlags|DynamicUser|\w+Directory"
)


def names(title: str, column: str, number: int = 0) -> list[str]:
    return [plain(row[column]) for row in tables(section(PAGE, title))[number]]


def test_the_setup_runs_when_pasted(tmp_path: Path) -> None:
    commands = [block.text for block in blocks(section(PAGE, "From nothing"), "bash")]
    assert len(commands) == 3
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FILES_", "XDG_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**kept, **SECRETS, "HOME": str(tmp_path), "PATH": path, "FILES_DATA_DIR": str(tmp_path / "data")}
    with serving(memory_core(tmp_path / "data")) as served:
        for text in commands:
            pasted = text.replace(DOCUMENTED, f"http://127.0.0.1:{served.port}")
            done = run_command(
                ["bash", "-euo", "pipefail", "-c", pasted], answers=True, environ=environ, folder=tmp_path
            )
            assert (done.returncode, done.stdout) == (0, ""), f"{text}\n{done.stdout}\n{done.stderr}"
    token = tmp_path / ".config" / "files" / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    token.unlink()


def test_the_keys_are_those_of_the_configuration(tmp_path: Path) -> None:
    assert names("The configuration", "key") == [each.name for each in fields(WatchConfig)]
    assert names("The configuration", "key", 1) == [each.name for each in fields(CardConfig)]
    [example] = blocks(section(PAGE, "The configuration"), "toml")
    path = tmp_path / "watch.toml"
    path.write_text(example.text)
    assert load_config(path).url == tomllib.loads(example.text)["url"]


def test_the_defaults_are_those_of_the_configuration() -> None:
    for row in tables(section(PAGE, "The configuration"))[0]:
        default = plain(row["default"])
        if default and re.fullmatch(r'true|false|\d+|\[\]|"\w+"', default):
            value = tomllib.loads(f"x = {default}")["x"]
            actual = getattr(WatchConfig(), plain(row["key"]))
            assert actual == (tuple(value) if value == [] else value) or (row["key"], actual) == ("`transport`", "")


def test_the_junk_is_that_of_the_list() -> None:
    listed = [(plain(row["name"]), row["what it is"]) for row in tables(section(PAGE, "What is taken"))[0]]
    assert listed == list(JUNK)
    numbers = re.sub(r"(?<=\d) (?=\d)", "", section(PAGE, "What is taken"))
    for number in (MAX_DEPTH, MAX_ENTRIES, MAX_PATH_BYTES):
        assert f" {number} " in numbers


def test_the_events_are_those_of_the_watcher() -> None:
    assert names("Output of `files watch`", "event") == ["ready", *Told]


def test_the_places_are_those_of_the_code() -> None:
    assert all(f"`{place}`" in section(PAGE, "Which cards are taken") for place in PLACES)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_gives_the_watcher_no_mounts_of_its_own(unit: Path) -> None:
    parser = ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text())
    service = dict(parser["Service"])
    assert [name for name in service if OWN_MOUNTS.fullmatch(name)] == []
    assert service["ExecStart"].split()[1:] == ["watch", "--plain"]
    assert service["Restart"] == "always"
    assert unit.name in PAGE


def test_both_units_are_there() -> None:
    assert [unit.name for unit in UNITS] == ["files-watch.service", "files-watch@.service"]

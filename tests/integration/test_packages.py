"""Wheel and source archive: they carry each file that the code reads, and run where they are installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import install_command
from tests.servers.ports import free_ports

ROOT = Path(__file__).parents[2]
PACKAGES = ("files_service", "storage_adapters", "syncer", "migrations")
BUILD = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"
# The packages that an extra adds, as they are imported.
EXTRAS = {"redis": ("hiredis", "redis"), "couchdb": ("couchdb",), "gs": ("google",)}
SECONDS = 300

# Opens each store, and calls what needs a file of the package; prints the outcome of each.
TRY = """
import json, sys
from contextlib import closing
from files_service import core
from files_service.api import METHODS
from files_service.config import load_settings, read_config
from files_service.services.opening import open_core
from storage_adapters import QueueOptions, open_notification_queue

found = {"from": core.__file__}
for name, (metadata, blobs) in json.loads(sys.argv[1]).items():
    environ = {"FILES_METADATA_URL": metadata, "FILES_BLOBS_URL": blobs, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}
    try:
        with closing(open_core(load_settings(read_config(environ=environ)))) as opened:
            if name != "gs":
                METHODS["files.upload"]({"owner": "ann", "name": "a.txt", "parts": [{"size": 1}]}, opened)
            found[name] = [file["name"] for file in METHODS["files.list"]({"owner": "ann"}, opened)["files"]]
    except Exception as error:
        found[name] = str(error)
try:
    open_notification_queue("pubsub://project/subscription", QueueOptions(emulator_host="127.0.0.1:9")).close()
except Exception as error:
    found["queue"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the search for secrets in logs leaves out: copies of the code are no logs."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def tree(folder: Path) -> Path:
    """The files of which packages are made, as a clone has them."""
    tree = folder / "tree"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    return tree


@pytest.fixture(scope="module")
def dist(folder: Path, tree: Path) -> Path:
    """Wheel and source archive."""
    dist = folder / "dist"
    dist.mkdir()
    run([sys.executable, "-c", BUILD, str(dist)], cwd=tree)
    return dist


def run(command: list[str], **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, timeout=SECONDS, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Installed:
    """A package in an environment of its own, and the packages that it needs in sight."""

    folder: Path

    @property
    def site(self) -> Path:
        """The folder of installed packages."""
        [site] = self.folder.glob("lib/python*/site-packages")
        return site

    def program(self, name: str) -> str:
        """The path of a command."""
        return str(self.folder / "bin" / name)

    def needs(self, *, extras: bool) -> None:
        """Show what this test run has installed, with the packages of extras or without; never the project itself."""
        shown = self.folder / f"needs-{extras}"
        if not shown.exists():
            shown.mkdir()
            hidden = {name for names in EXTRAS.values() for name in names}
            for path in Path(sysconfig.get_path("purelib")).iterdir():
                ours = path.name.startswith(("files_service", "__editable__"))
                if not ours and (extras or path.name not in hidden):
                    (shown / path.name).symlink_to(path)
        (self.site / "needs.pth").write_text(f"{shown}\n")

    def files(self) -> dict[str, bytes]:
        """The installed files of the project."""
        paths = (path for package in PACKAGES for path in (self.site / package).rglob("*"))
        return {
            str(path.relative_to(self.site)): path.read_bytes()
            for path in paths
            if path.is_file() and path.suffix != ".pyc"
        }


def install(folder: Path, artifact: Path) -> Installed:
    """Install a file into an empty environment, without a network."""
    venv.create(folder, symlinks=True)
    installed = Installed(folder)
    installed.needs(extras=True)
    pip = [sys.executable, "-m", "pip", "--python", installed.program("python"), "install", "--quiet"]
    alone = ["--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed", "--no-compile"]
    run([*pip, *alone, str(artifact)])
    return installed


@pytest.fixture(scope="module")
def wheel(folder: Path, dist: Path) -> Installed:
    """The installed wheel."""
    [artifact] = dist.glob("*.whl")
    return install(folder / "wheel", artifact)


def test_both_have_every_data_file(tree: Path, dist: Path) -> None:
    wanted = {
        str(path.relative_to(tree))
        for package in PACKAGES
        for path in (tree / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert any(name.endswith(".lua") for name in wanted)
    [wheel], [source] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()
    with tarfile.open(source) as packed:
        assert wanted - {name.partition("/")[2] for name in packed.getnames()} == set()


def test_the_source_archive_installs_what_the_wheel_does(folder: Path, dist: Path, wheel: Installed) -> None:
    [artifact] = dist.glob("*.tar.gz")
    source = install(folder / "source", artifact)
    assert source.files() == wheel.files()
    assert run([source.program("files"), "--version"]).startswith("files, version ")


@pytest.mark.parametrize("extras", [True, False])
def test_it_works_on_every_store_whose_extra_is_there(
    wheel: Installed, tmp_path: Path, redis_url: str, couchdb_url: str, *, extras: bool
) -> None:
    stores = {
        "memory": ("memory://", "memory://"),
        "sqlite": (f"sqlite:///{tmp_path}/files.db", f"file://{tmp_path}/blobs"),
        "redis": (redis_url, "memory://"),
        "couchdb": (couchdb_url, "memory://"),
        "gs": ("memory://", "gs://bucket"),
    }
    wheel.needs(extras=extras)
    found = json.loads(run([wheel.program("python"), "-c", TRY, json.dumps(stores)], cwd=tmp_path))
    assert found.pop("from").startswith(str(wheel.site))
    works = {name: ["a.txt"] for name in stores} | {"gs": []}
    assert (".[gcs]" in found.pop("queue", "")) != extras
    if not extras:
        lacks = {name: install_command("gcs" if name == "gs" else name) for name in EXTRAS}
        assert {name: lacks[name] in found[name] for name in EXTRAS} == dict.fromkeys(EXTRAS, True), found
        works = {name: answer for name, answer in works.items() if name not in EXTRAS}
    assert {name: found[name] for name in works} == works


def test_its_commands_run_the_service(wheel: Installed, tmp_path: Path) -> None:
    wheel.needs(extras=False)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    environ = {"PATH": os.environ["PATH"], "FILES_HTTP": address}
    (tmp_path / "a.txt").write_text("text")
    with subprocess.Popen(
        [wheel.program("files"), "up"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as service:
        try:
            assert service.stdout is not None
            assert any(line.startswith(b"ready ") for line in service.stdout)
            record = json.loads(run([wheel.program("files"), "put", "a.txt"], cwd=tmp_path, env=environ))
        finally:
            service.terminate()
    assert (record["status"], service.returncode) == ("processed", 0)

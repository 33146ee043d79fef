"""Wheel and source archive: they carry each file that the code reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("files_service", "storage_adapters", "syncer", "migrations")
BUILD = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the search for secrets in logs leaves out: copies of the code are no logs."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_wheel_and_source_archive_made_of_a_clean_tree_have_every_data_file(folder: Path) -> None:
    tree, dist = folder / "tree", folder / "dist"
    dist.mkdir()
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    wanted = {
        str(path.relative_to(tree)) for package in PACKAGES for path in (tree / package).rglob("*") if path.is_file()
    }
    assert any(name.endswith(".lua") for name in wanted)
    subprocess.run([sys.executable, "-c", BUILD, str(dist)], cwd=tree, check=True, timeout=120, capture_output=True)
    [wheel], [source] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()
    with tarfile.open(source) as packed:
        assert wanted - {name.partition("/")[2] for name in packed.getnames()} == set()

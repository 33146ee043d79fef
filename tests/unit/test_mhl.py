"""Manifests of the ASC Media Hash List: the reference implementation verifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
import xxhash

from files_service.domain.mhl import C4, CHAIN, FOLDER, Generation, HashedFile, chain, manifest, manifest_name
from tests.servers.ascmhl import ascmhl_debug

NOW = 1_790_000_000_123
NAMES = ("DCIM/100GOPRO/GX010001.MP4", "DCIM/100GOPRO/GX010001.THM", "Notes & <more> \u00e9.txt", "MISC/version.txt")


def add_generation(root: Path, made: list[Generation], ignored: Sequence[str] = ()) -> None:
    """Write the manifest of all files of a tree, and the chain with it."""
    found = sorted(path for path in root.rglob("*") if path.is_file() and FOLDER not in path.parts)
    files = [
        HashedFile(
            path=str(path.relative_to(root)),
            size=path.stat().st_size,
            modified_at=path.stat().st_mtime_ns // 1_000_000,
            xxh64=xxhash.xxh64(path.read_bytes()).hexdigest(),
            hashed_at=NOW,
        )
        for path in found
        if not set(ignored).intersection(path.parts)
    ]
    text = "".join(
        manifest(files, created_at=NOW, host="host", version="1", is_first=not made, ignored=ignored)
    ).encode()
    c4 = C4()
    c4.update(text)
    name = manifest_name(len(made) + 1, root.name, NOW + len(made) * 1_000)
    made.append(Generation(number=len(made) + 1, name=name, c4=c4.text()))
    (root / FOLDER).mkdir(exist_ok=True)
    (root / FOLDER / name).write_bytes(text)
    (root / FOLDER / CHAIN).write_text(chain(made), encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "A001 card"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode() * 100)
    return root


def test_the_reference_verifies_a_tree_and_names_each_fault(root: Path) -> None:
    made: list[Generation] = []
    add_generation(root, made)
    assert ascmhl_debug("verify", root) == 0
    clip = root / NAMES[0]
    content = clip.read_bytes()
    clip.write_bytes(content[:-1] + b"?")
    assert ascmhl_debug("verify", root) == 11
    clip.write_bytes(content)
    clip.rename(root.parent / "away")
    assert ascmhl_debug("verify", root) == 10
    (root.parent / "away").rename(clip)
    (root / "new").write_bytes(b"new")
    assert ascmhl_debug("verify", root) == 21
    (root / "new").unlink()
    [text] = (root / FOLDER).glob("*.mhl")
    text.write_text(text.read_text(encoding="utf-8").replace('size="2', 'size="3'), encoding="utf-8")
    assert ascmhl_debug("verify", root) == 31


def test_a_later_check_adds_a_generation(root: Path) -> None:
    made: list[Generation] = []
    add_generation(root, made)
    add_generation(root, made)
    assert ascmhl_debug("verify", root) == 0
    assert [generation.name[:5] for generation in made] == ["0001_", "0002_"]


def test_what_is_left_out_is_named_in_the_manifest(root: Path) -> None:
    (root / "System Volume Information").mkdir()
    (root / "System Volume Information" / "junk").write_bytes(b"junk")
    add_generation(root, [], ignored=["System Volume Information"])
    assert ascmhl_debug("verify", root) == 0


@pytest.mark.parametrize("content", [b"", b"alfa", bytes(1_000)])
def test_an_identifier_is_the_sha512_in_base_58(content: bytes) -> None:
    c4 = C4()
    c4.update(content)
    digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    value = 0
    for digit in c4.text()[2:]:
        value = value * 58 + digits.index(digit)
    assert value == int(hashlib.sha512(content).hexdigest(), 16)
    assert (c4.text()[:2], len(c4.text())) == ("c4", 90)


def test_the_identifier_of_no_bytes_is_that_of_the_standard() -> None:
    assert C4().text() == "c459dsjfscH38cYeXXYogktxf4Cd9ibshE3BHUo6a58hBXmRQdZrAkZzsWcbWtDg5oQstpDuni4Hirj75GEmTc1sFT"


def test_a_name_that_xml_cannot_express_is_refused() -> None:
    file = HashedFile(path="a\x01b", size=1, modified_at=0, xxh64="0" * 16, hashed_at=0)
    with pytest.raises(ValueError, match="XML cannot express"):
        list(manifest([file], created_at=0, host="h", version="1"))


@pytest.mark.parametrize(("modified_at", "shown"), [(2**53 - 1, "9999-12-31T23:59:59.999"), (1 - 2**53, "0001-01-01")])
def test_a_time_that_no_date_has_is_the_nearest_one(modified_at: int, shown: str) -> None:
    file = HashedFile(path="a", size=1, modified_at=modified_at, xxh64="0" * 16, hashed_at=0)
    assert f'lastmodificationdate="{shown}' in "".join(manifest([file], created_at=0, host="h", version="1"))


@pytest.mark.parametrize(("tree", "name"), [("A001", "0007_A001_"), ("a/b\n..", "0007_a_b_.._"), ("", "0007_card_")])
def test_the_name_of_a_manifest_has_no_special_characters(tree: str, name: str) -> None:
    assert manifest_name(7, tree, NOW).startswith(name)

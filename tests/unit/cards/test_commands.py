"""``files sessions`` and ``files export`` against a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.cli import export as export_module
from files_service.cli.download import Download, save_to
from files_service.cli.export_proofs import RECEIPT
from files_service.cli.remote import Unreachable
from files_service.domain.mhl import FOLDER
from files_service.runtime.clock import now_ms
from tests.cores import SECRETS, call, sqlite_core
from tests.gateway.serving import Served, serving
from tests.servers.ascmhl import ascmhl_debug
from tests.servers.ports import free_ports
from tests.unit.cards.scenes import OWNER, begun, brought, bytes_of, copied, entry_of, verified
from tests.unit.cli.running import at, done, run
from tests.unit.lost_bytes import chunked_file

MTIME = 1_700_000_000_000
PATHS = ("DCIM/100/A.MP4", "DCIM/100/B.MP4", "DCIM/ä.txt")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    [port] = free_ports(1)
    core = sqlite_core(tmp_path / "data", chunk_bytes=1_024, public_url=f"http://127.0.0.1:{port}")
    with serving(core, port=port) as served:
        yield served


@pytest.fixture
def environ(served: Served, tmp_path: Path) -> dict[str, str]:
    return at(served, {"FILES_DATA_DIR": str(tmp_path), "AMQP_URI": "", **SECRETS})


def session_of(served: Served) -> str:
    """A session of some files, one of them in chunks."""
    entries = [brought(served.core, path, chunked=path.endswith("B.MP4")) for path in PATHS]
    session_id: str = copied(served.core, entries)["session_id"]
    return session_id


def trees(folder: Path) -> dict[str, bytes]:
    """The files of a folder by path."""
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_sessions_are_listed_and_shown(served: Served, environ: dict[str, str]) -> None:
    session_id = verified(served.core, session_of(served))["session_id"]
    [listed] = done(environ, "sessions", "--owner", OWNER)
    assert (listed["session_id"], listed["state"]) == (session_id, "copied_not_verified")
    shown, *files = done(environ, "sessions", session_id, "--files")
    assert shown["verdict"]["reasons"][0]["code"] == "one_copy"
    assert [each["path"] for each in files] == sorted(PATHS, key=str.encode)
    assert "not_found" in run(environ, "sessions", "nothing").output


def test_a_tree_is_exported_as_on_the_card_and_again_without_a_change(
    served: Served, environ: dict[str, str], tmp_path: Path
) -> None:
    session_id, to = session_of(served), tmp_path / "out"
    assert run(environ, "export", session_id, to).stdout == "3 files written, 0 were there, 0 failed, 900 bytes\n"
    assert trees(to) == {path: bytes_of(path) for path in PATHS}
    assert {path.stat().st_mtime_ns for path in to.rglob("*.MP4")} == {MTIME * 1_000_000}
    (to / PATHS[0]).unlink()
    (to / PATHS[1]).touch()
    assert run(environ, "export", session_id, to).stdout == "1 file written, 2 were there, 0 failed, 900 bytes\n"
    assert trees(to) == {path: bytes_of(path) for path in PATHS}
    assert {path.stat().st_mtime_ns for path in to.rglob("*.MP4")} == {MTIME * 1_000_000}


def test_another_file_is_never_overwritten_and_the_others_are_written(
    served: Served, environ: dict[str, str], tmp_path: Path
) -> None:
    session_id, to = session_of(served), tmp_path / "out"
    mine = to / PATHS[0]
    mine.parent.mkdir(parents=True)
    # As long as the file on the card.
    mine.write_bytes(b"x" * 300)
    result = run(environ, "export", session_id, to)
    assert result.exit_code == 1
    assert "exists and is another file" in result.output
    assert "2 files written, 0 were there, 1 failed" in result.output
    assert mine.read_bytes() == b"x" * 300


def test_a_folder_that_cannot_be_made_is_told(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    session_id = session_of(served)
    (tmp_path / "file").touch()
    for to in (tmp_path / "file", tmp_path / "file" / "out"):
        result = run(environ, "export", session_id, to)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert f"cannot make the folder {to}" in result.stderr


def test_nothing_leads_out_of_the_folder(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    session_id, to, elsewhere = session_of(served), tmp_path / "out", tmp_path / "elsewhere"
    for folder in (to, elsewhere):
        folder.mkdir()
    (to / "DCIM").symlink_to(elsewhere)
    result = run(environ, "export", session_id, to)
    assert result.exit_code == 1
    assert "a link leads out of the folder" in result.output
    assert trees(elsewhere) == {}


def test_what_the_archive_lacks_is_named(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    core = served.core
    gone, other = brought(core, "gone"), brought(core, "other")
    # A part without a checksum on record is compared when it is there.
    unhashed = entry_of("unhashed", bytes_of("unhashed"), chunked_file(core, bytes_of("else"), OWNER)["file_id"])
    unread = {"path": "unread", "size": 1, "mtime_at": 1, "status": "unreadable"}
    session_id = begun(core, 4, 1)["session_id"]
    entries = [gone, {**other, "sha256": "0" * 64}, unhashed, unread]
    call(core, "cards.add", session_id=session_id, files=entries)
    call(core, "files.remove", file_id=gone["file_id"])
    result = run(environ, "export", session_id, tmp_path / "out")
    assert result.exit_code == 1
    for path in (
        "gone: ",
        "other: the archive has other bytes",
        "unhashed: the archive has other",
        "unread: it is not",
    ):
        assert path in result.output
    assert trees(tmp_path / "out") == {}


def test_an_export_that_was_killed_goes_on(
    served: Served, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, to = session_of(served), tmp_path / "out"

    def killed(download: Download, target: Path, *, force: bool) -> None:
        if target.name == "B.MP4":
            # What an interrupted download leaves.
            target.with_name(f".{download.file_id}.p0.draft").write_bytes(bytes_of(PATHS[1])[:100])
            raise Unreachable("killed")
        save_to(download, target, force=force)

    with monkeypatch.context() as patch:
        patch.setattr(export_module, "save_to", killed)
        assert run(environ, "export", session_id, to).exit_code == 1
    assert run(environ, "export", session_id, to).stdout == "2 files written, 1 were there, 0 failed, 900 bytes\n"
    assert trees(to) == {path: bytes_of(path) for path in PATHS}


def test_an_exported_tree_is_verified_by_the_reference_and_by_its_receipt(
    served: Served, environ: dict[str, str], tmp_path: Path
) -> None:
    session_id, to = session_of(served), tmp_path / "out"
    # Junk is told, and is no file of the tree.
    junk = {"path": "DCIM/.DS_Store", "size": 6, "mtime_at": 1, "status": "excluded", "reason": "junk"}
    call(served.core, "cards.add", session_id=session_id, files=[junk])
    assert not (to / FOLDER).exists()
    verified(served.core, session_id)
    first = run(environ, "export", session_id, to)
    assert (first.exit_code, "manifest ascmhl/0001_out_" in first.stdout) == (0, True)
    assert ascmhl_debug("verify", to) == 0
    # Repeated, it changes nothing; after another verification it adds a generation.
    before = trees(to / "ascmhl")
    assert "manifest" not in run(environ, "export", session_id, to).stdout
    assert {path: text for path, text in trees(to / "ascmhl").items() if path != RECEIPT} == {
        path: text for path, text in before.items() if path != RECEIPT
    }
    verified(replace(served.core, clock=lambda: now_ms() + 60_000), session_id)
    assert "manifest ascmhl/0002_out_" in run(environ, "export", session_id, to).stdout
    assert ascmhl_debug("verify", to) == 0
    assert run({}, "verify-receipt", to / FOLDER / RECEIPT, "--tree", to).exit_code == 0
    (to / PATHS[0]).write_bytes(b"?" * 300)
    assert ascmhl_debug("verify", to) == 11
    (to / PATHS[1]).rename(to / "moved & renamed.MP4")
    for number in range(30):
        (to / str(number)).mkdir()
        (to / str(number) / ".DS_Store").write_bytes(b"junk")
    differs = run({}, "verify-receipt", to / FOLDER / RECEIPT, "--tree", to)
    assert differs.exit_code == 1
    assert differs.stderr.splitlines()[:3] == [
        f"missing: {PATHS[1]}",
        "not in the manifest: moved & renamed.MP4",
        f"other bytes: {PATHS[0]}",
    ]
    assert "names no files" not in differs.stderr


def test_a_receipt_of_other_files_than_the_manifest_is_said_to_be_one(
    served: Served, environ: dict[str, str], tmp_path: Path
) -> None:
    session_id, to = session_of(served), tmp_path / "out"
    verified(served.core, session_id)
    run(environ, "export", session_id, to)
    manifest = next((to / FOLDER).glob("*.mhl"))
    manifest.write_text(manifest.read_text().replace(f">{PATHS[0]}<", ">other.MP4<"))
    (to / PATHS[0]).rename(to / "other.MP4")
    differs = run({}, "verify-receipt", to / FOLDER / RECEIPT, "--tree", to)
    assert differs.exit_code == 1
    assert differs.stderr.splitlines()[1:] == [
        f"The folder is as in ascmhl/{manifest.name}: the receipt is one of other files."
    ]

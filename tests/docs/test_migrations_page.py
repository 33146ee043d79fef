"""docs/migrations.md is complete, and what docs/operations.md says of upgrade, rollback and backups can be done."""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import closing
from pathlib import Path

import pytest

from migrations import errors
from migrations.cli import UNAVAILABLE, cli
from migrations.steps import load_steps
from storage_adapters import SupportsUploads, open_metadata_store
from storage_adapters.metadata.couchdb.location import location_of
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import add, various_records
from tests.contract.upload_scenes import make_upload
from tests.cores import SECRETS, call, processed_file, sqlite_core
from tests.docs.pages import Block, blocks, plain, read, rows, section
from tests.servers.commands import run_command
from tests.servers.couchdb import CouchServer, throw_away
from tests.servers.redis import RedisServer

PAGE = read("docs/migrations.md")
OPERATIONS = read("docs/operations.md")
# The commands of the documents are found as an operator finds them.
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


def run(block: Block, folder: Path, **environ: str) -> str:
    named = {"PATH": PATH, "FILES_DATA_DIR": str(folder / "data"), "AMQP_URI": ""}
    done = run_command(
        ["bash", "-euo", "pipefail", "-c", block.text],
        environ={**os.environ, **SECRETS, **named, **environ},
        folder=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_is_described() -> None:
    assert {plain(row["command"]) for row in rows(PAGE, "command", "what it does")} == set(cli.commands)


def test_every_option_is_described() -> None:
    options = {name for command in cli.commands.values() for each in command.params for name in each.opts}
    shown = PAGE.replace("`", " ")
    assert [name for name in sorted(options) if f"{name} " not in shown and f"{name}," not in shown] == []


def test_every_exit_status_is_described() -> None:
    raised = {kind.exit_status for kind in errors.MigrationError.__subclasses__()} | {0, 1, UNAVAILABLE}
    assert {int(row["exit status"]) for row in rows(PAGE, "exit status", "meaning")} == raised


def test_every_step_is_described_as_it_declares_itself() -> None:
    modes = {True: "online", False: "offline"}
    described = {(row["step"], row["mode"], row["back"]) for row in rows(PAGE, "step", "mode", "back")}
    assert described == {
        (f"{step.number} `{step.name}`", modes[step.online], modes[step.back_online]) for step in load_steps()
    }


def test_every_oddity_is_described() -> None:
    code = "".join(path.read_text() for path in Path("migrations/importers/ms_files").glob("*.py"))
    described = {plain(kind) for row in rows(PAGE, "kind", "what it is") for kind in row["kind"].split(", ")}
    assert {kind for kind in described if f'"{kind}"' not in code} == set()
    noted = set(re.findall(r'(?:kind=|_note\(|_give_up\()"([a-z_0-9]+)"', code))
    assert noted - described == set()


@pytest.mark.timeout(600)
def test_the_commands_of_upgrade_and_rollback_do_what_they_say(tmp_path: Path) -> None:
    core = sqlite_core(tmp_path / "data")
    record = processed_file(core, b"precious")
    core.close()
    plan, up = blocks(section(OPERATIONS, "Upgrade"), "bash")
    [back] = blocks(section(OPERATIONS, "Roll back"), "bash")
    assert "up     1" in run(plan, tmp_path)
    assert "the service opens it" in run(up, tmp_path)
    assert "the service refuses it" in run(back, tmp_path)
    refused = run_command(
        [sys.executable, "-m", "files_service.cli", "gateway"],
        environ={**os.environ, **SECRETS, "FILES_DATA_DIR": str(tmp_path / "data"), "FILES_HTTP": "127.0.0.1:0"},
    )
    assert refused.returncode == 1
    assert "`files migrate up`" in refused.stderr
    run(up, tmp_path)
    core = sqlite_core(tmp_path / "data")
    assert call(core, "files.info", file_id=record["file_id"]) == record
    core.close()


def test_the_backup_of_redis_can_be_restored(tmp_path: Path, own_redis: RedisServer) -> None:
    with closing(open_metadata_store(own_redis.url)) as store:
        add(store, *various_records())
    backup, check = blocks(section(OPERATIONS, "Back up and restore Redis"), "bash")
    run(backup, tmp_path, REDIS_URL=own_redis.url)
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "backup.rdb", tmp_path / "other" / "dump.rdb")
    with RedisServer(tmp_path / "other", appendonly="no") as restored:
        run(check, tmp_path, REDIS_URL=restored.url)
        with closing(open_metadata_store(restored.url)) as store:
            assert len(assert_consistent(store)) == len(various_records())


def test_the_backup_of_couchdb_can_be_restored(tmp_path: Path, own_couchdb: CouchServer) -> None:
    with throw_away(own_couchdb.url) as url:
        name = location_of(url).database
        with closing(open_metadata_store(url)) as store:
            add(store, *various_records())
            assert isinstance(store, SupportsUploads)
            store.create_upload(make_upload())
        backup, restore = blocks(section(OPERATIONS, "Back up and restore CouchDB"), "bash")
        server = own_couchdb.url.replace("couchdb://", "http://")
        run(Block("bash", backup.text.replace("/files$part", f"/{name}$part")), tmp_path, COUCHDB=server)
        run(restore, tmp_path, COUCHDB=server)
        with closing(open_metadata_store(f"{own_couchdb.url}/backup")) as store:
            assert len(assert_consistent(store)) == len(various_records())
            assert isinstance(store, SupportsUploads)
            assert store.get_upload("u1") == make_upload()

"""The command line: what it prints and how it ends."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from files_service.runtime.logs import JsonFormatter, redact
from storage_adapters import open_metadata_store, record_to_document, sync_name
from syncer import options
from syncer.cli import cli
from syncer.lease import syncer_lease
from syncer.options import Exit
from syncer.pair import Pair
from tests.contract.metadata_scenes import add, save
from tests.syncer.pairs import all_records, assert_equal, numbered, open_pair_of, sync
from tests.syncer.processes import SyncerProcess, lines_of, run_syncer


@pytest.fixture
def urls(tmp_path: Path) -> tuple[str, str]:
    return f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db"


@pytest.fixture
def pair(urls: tuple[str, str]) -> Iterator[Pair]:
    pair = open_pair_of(*urls)
    yield pair
    pair.close()


@pytest.fixture
def run(urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    # The test process keeps its own signal handlers and log.

    monkeypatch.setattr(options, "stop_by_signal", threading.Event)
    monkeypatch.setattr(options, "configure_logging", lambda level, log_format: None)

    def run_command(*arguments: str) -> Result:
        environ = {"FILES_METADATA_URL": urls[0], "FILES_LIST_URL": urls[1]}
        return CliRunner().invoke(cli, arguments, env=environ, catch_exceptions=False)

    return run_command


def test_a_copy_is_made_compared_damaged_and_repaired(pair: Pair, run: Any) -> None:
    add(pair.source, *numbered(20))
    assert json.loads(run("status", "--json").stdout)["state"] == "not begun"
    result = run("once", "--json")
    assert (result.exit_code, json.loads(result.stdout)["copied"]) == (Exit.DONE, 20)
    result = run("verify")
    assert (result.exit_code, result.stdout[:5]) == (Exit.DONE, "equal")
    pair.target.replicate([replace(pair.source.get("f000003"), name="other")], force=True)
    pair.target.discard(["f000004"])
    for command in (["verify", "--json"], ["repair", "--dry-run", "--json"]):
        result = run(*command)
        assert result.exit_code == Exit.DIFFERENT
        *told, verdict = lines_of(result.stdout)
        assert {(line["file_id"], line["kind"]) for line in told} == {("f000003", "different"), ("f000004", "missing")}
        assert verdict["differences"] == {"different": 1, "missing": 1}
        assert verdict["repaired"] == 0
    result = run("repair")
    assert result.exit_code == Exit.DONE
    assert "missing f000004 source 1 target 0" in result.stdout
    assert "2 repaired" in result.stdout
    assert len(assert_equal(pair)) == 20


def test_sums_that_are_wrong_are_told_and_prove_nothing(pair: Pair, urls: tuple[str, str], run: Any) -> None:
    records = add(pair.source, *numbered(20))
    sync(pair)
    assert run("verify", "--full").exit_code == Exit.DONE
    # What no process of ours does: a record is changed behind the store's back, and sums are.
    with closing(sqlite3.connect(urls[1].removeprefix("sqlite:///"))) as target:
        other = record_to_document(replace(records[3], meta={"by": "hand"}))
        target.execute("UPDATE files SET document = ? WHERE file_id = ?", (other, records[3].file_id))
        target.commit()
    assert run("verify").exit_code == Exit.DONE
    result = run("verify", "--full", "--json")
    assert result.exit_code == Exit.DIFFERENT
    told, verdict = lines_of(result.stdout)
    assert (told["file_id"], told["kind"], verdict["wrong_sums"]) == (records[3].file_id, "different", {"target": 1})
    assert run("repair", "--full").exit_code == Exit.DIFFERENT
    # The repair took the wrong record's hash from sums that it was never in: now they differ though no file does.
    result = run("verify", "--json")
    assert result.exit_code == Exit.DIFFERENT
    assert lines_of(result.stdout)[-1] | {"seconds": 0} == {
        "equal": False,
        "differences": {},
        "lagging": 0,
        "repaired": 0,
        "wrong_sums": {"target": 1},
        "seconds": 0,
    }
    assert "files migrate verify" in run("verify").stdout


def test_the_source_can_be_repaired(pair: Pair, run: Any) -> None:
    add(pair.source, *numbered(3))
    sync(pair)
    pair.target.replicate([replace(pair.source.get("f000001"), name="right", revision=4)])
    assert run("repair", "--direction", "target-to-source").exit_code == Exit.DONE
    assert pair.source.get("f000001").name == "right"


def test_a_target_that_was_never_filled_takes_nothing_from_the_source(pair: Pair, run: Any) -> None:
    records = add(pair.source, *numbered(3))
    pair.target.replicate([replace(records[1], name="only here", revision=4), replace(records[0], file_id="lost")])
    result = run("repair", "--direction", "target-to-source")
    assert result.exit_code == Exit.DIFFERENT
    assert "2 repaired" in result.stdout
    assert [pair.source.get(file_id).revision for file_id in ("f000000", "f000001", "f000002", "lost")] == [1, 4, 1, 1]


@pytest.mark.parametrize("is_older", [False, True])
def test_a_target_that_was_made_anew_or_is_older_takes_nothing_from_the_source(
    pair: Pair, urls: tuple[str, str], run: Any, is_older: bool
) -> None:
    """The checkpoint in the source tells of a copy that is not there any more."""
    add(pair.source, *numbered(2))
    target, older = Path(urls[1].removeprefix("sqlite:///")), Path(urls[1].removeprefix("sqlite:///") + ".backup")
    sync(pair)
    with closing(sqlite3.connect(target)) as database, closing(sqlite3.connect(older)) as backup:
        database.backup(backup)
    add(pair.source, *numbered(1, start=2))
    sync(pair)
    pair.target.close()
    for path in target.parent.glob(f"{target.name}*"):
        if path != older:
            path.unlink()
    if is_older:
        older.rename(target)
    else:
        open_metadata_store(urls[1]).close()
    result = run("repair", "--direction", "target-to-source")
    assert (result.exit_code, len(all_records(pair.source))) == (Exit.REFUSED, 3)
    assert run("once").exit_code == Exit.DONE
    with closing(open_metadata_store(urls[1])) as filled:
        assert len(all_records(filled)) == 3


def test_a_target_that_is_no_copy_of_the_source_is_not_repaired(pair: Pair, tmp_path: Path, run: Any) -> None:
    """As with the URL of another installation, or a source that came back empty: its last copy would be emptied."""
    add(pair.source, *numbered(3))
    sync(pair)
    other = f"sqlite:///{tmp_path}/other.db"
    open_metadata_store(other).close()
    result = run("repair", "--source", other)
    assert result.exit_code == Exit.REFUSED
    assert len(all_records(pair.target)) == 3
    assert run("repair", "--source", other, "--dry-run").exit_code == Exit.DIFFERENT


def test_a_backfill_copies_again_and_the_status_tells_the_lag(pair: Pair, run: Any) -> None:
    add(pair.source, *numbered(10))
    assert run("backfill", "--rate", "100000").stdout == "copied 10 files\n"
    status = json.loads(run("status", "--json").stdout)
    assert (status["state"], status["lag_changes"], status["equal"]) == ("following", 0, True)
    assert status["target"] == pair.name
    save(pair.source, pair.source.get("f000001"))
    status = json.loads(run("status", "--json").stdout)
    assert (status["lag_changes"], status["equal"], status["source_files"]) == (1, False, 10)
    pair.target.discard(["f000002"])
    assert json.loads(run("backfill", "--json").stdout)["copied"] == 2
    assert "state: following" in run("status").stdout


def test_one_that_is_at_it_keeps_others_away(pair: Pair, run: Any) -> None:
    add(pair.source, *numbered(3))
    for name, command in ((f"syncer:{pair.name}", "once"), (f"syncer-backfill:{pair.name}", "backfill")):
        lease = syncer_lease(pair.source, name, seconds=60)
        assert lease.held()
        assert run(command).exit_code == Exit.LEASE_HELD
        lease.release()
        assert run(command).exit_code == Exit.DONE


def test_a_copy_that_is_given_up_holds_nothing_and_can_be_begun_anew(pair: Pair, run: Any) -> None:
    add(pair.source, *numbered(5))
    sync(pair)
    add(pair.source, *numbered(5, start=5))
    lease = syncer_lease(pair.source, f"syncer:{pair.name}", seconds=60)
    assert lease.held()
    assert run("forget").exit_code == Exit.LEASE_HELD
    lease.release()
    assert run("forget").exit_code == Exit.DONE
    assert pair.source.checkpoint(pair.consumer) == ""
    pair.source.move_checkpoint("relay", expected="", sequence=pair.source.last_sequence())
    assert pair.source.trim_changes(limit=100) == 10
    assert json.loads(run("status", "--json").stdout)["state"] == "not begun"
    sync(pair)
    assert len(assert_equal(pair)) == 10


def test_a_copy_whose_target_is_gone_for_good_can_be_given_up(pair: Pair, urls: tuple[str, str], run: Any) -> None:
    add(pair.source, *numbered(5))
    gone = "couchdb://admin:secret@127.0.0.1:1/files"
    consumer = f"sync:{sync_name(gone)}"
    pair.source.move_checkpoint(consumer, expected="", sequence="1")
    result = run("forget", "--target", gone)
    assert (result.exit_code, result.stdout) == (Exit.DONE, "forgotten: couchdb://127.0.0.1:1/files\n")
    assert pair.source.checkpoint(consumer) == ""
    assert run("forget", "--target", gone).stdout == "nothing was held for couchdb://127.0.0.1:1/files\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["verify", "--target", "oracle://x"], "no store for oracle"),
        (["verify", "--target", "redis://user:secret@host/x"], "the database is a number"),
        (["run", "--metrics", "8080"], "HOST:PORT"),
        (["backfill", "--rate", "0"], "not in the range"),
        (["repair", "--direction", "sideways"], "is not one of"),
        (["once", "--source", ""], "without a scheme"),
    ],
)
def test_wrong_use_is_told_without_secrets(pair: Pair, run: Any, arguments: list[str], problem: str) -> None:
    result = run(*arguments)
    assert result.exit_code == Exit.USAGE
    assert problem in result.stderr
    assert "secret" not in result.output


def test_a_url_that_is_missing_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILES_METADATA_URL", raising=False)
    monkeypatch.delenv("FILES_LIST_URL", raising=False)
    assert "FILES_METADATA_URL" in CliRunner().invoke(cli, ["run"]).output
    assert "FILES_LIST_URL" in CliRunner().invoke(cli, ["run", "--source", "memory://"]).output


def test_a_store_cannot_be_its_own_copy(urls: tuple[str, str], run: Any) -> None:
    result = run("once", "--target", urls[0])
    assert result.exit_code == Exit.USAGE
    assert "one store" in result.stderr


def test_a_store_that_does_not_answer_is_told_without_secrets(pair: Pair, run: Any) -> None:
    for command in (["verify", "--patience", "0"], ["status"], ["once", "--patience", "0"]):
        result = run(*command, "--target", "redis://user:secret@127.0.0.1:1")
        assert result.exit_code == Exit.UNAVAILABLE
        assert "secret" not in result.output


COMMANDS = (["once"], ["backfill", "--accept-empty-source"], ["verify"], ["repair"], ["forget"], ["status"])


@pytest.mark.parametrize("arguments", COMMANDS)
def test_no_command_makes_a_source(pair: Pair, tmp_path: Path, run: Any, arguments: list[str]) -> None:
    add(pair.target, *numbered(3))
    mistyped = f"sqlite:///{tmp_path}/none/surce.db"
    result = run(*arguments, "--source", mistyped)
    told = result.stdout if arguments == ["status"] else result.stderr
    assert f"there is no store at {mistyped}" in told
    assert result.exit_code == (Exit.DONE if arguments == ["status"] else Exit.UNAVAILABLE)
    assert not (tmp_path / "none").exists()
    assert len(all_records(pair.target)) == 3


@pytest.mark.parametrize("arguments", [["verify"], ["repair"], ["status"]])
def test_a_command_that_compares_makes_no_target(pair: Pair, tmp_path: Path, run: Any, arguments: list[str]) -> None:
    result = run(*arguments, "--target", f"sqlite:///{tmp_path}/none/target.db")
    assert "state: not begun" in result.stdout if arguments == ["status"] else "there is no store" in result.stderr
    assert not (tmp_path / "none").exists()


def test_run_copies_until_it_is_stopped(pair: Pair, urls: tuple[str, str], tmp_path: Path) -> None:
    add(pair.source, *numbered(10))
    process = SyncerProcess(tmp_path, *urls)
    process.start()
    try:
        process.wait_for_log("the backfill is complete")
        add(pair.source, *numbered(10, start=10))
        result = run_syncer("verify", "--source", urls[0], "--target", urls[1], "--wait", "60")
        assert result.returncode == Exit.DONE, result.stdout + process.log()
        assert process.stop() == Exit.DONE
    finally:
        process.kill()
    assert [line["event"] for line in lines_of(process.log())] == [
        "ready",
        "the backfill begins",
        "the backfill is complete",
        "stopped",
    ]
    assert len(assert_equal(pair)) == 20
    # The lease was given up: the next one need not wait for it.
    assert run_syncer("once", FILES_METADATA_URL=urls[0], FILES_LIST_URL=urls[1]).returncode == Exit.DONE


def test_secrets_are_replaced_in_logs() -> None:

    record = logging.makeLogRecord({"msg": "x", "url": "redis://ann:secret@host/0?password=secret&prefix=a"})
    assert "secret" not in JsonFormatter().format(record)
    assert redact("couchdb://host/db") == "couchdb://host/db"
    assert sync_name("redis://ann:secret@host") == "redis://host:6379/0"


def test_the_help_tells_the_exit_statuses() -> None:
    text = CliRunner().invoke(cli, ["--help"]).output
    told = {int(number) for number in re.findall(r"(\d) [a-z]", text.partition("Exit status")[2])}
    assert told == {status.value for status in Exit}

"""``files doctor``: one line for each part, and what to do."""

from __future__ import annotations

import json
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from files_service.gateway.auth.bearer import make_token
from files_service.services.listing.sync_progress import consumer_of
from files_service.services.receipts import ReceiptSigner
from storage_adapters import MARK, CopyMark, SupportsChanges, SupportsIdentity, open_metadata_store
from tests.cores import SECRETS, pending_file, processed_file, sqlite_core
from tests.cores import at as at_time
from tests.gateway.serving import Served
from tests.unit.cli.running import at, run
from tests.unit.lost_bytes import paths, rot

_AWAY = {
    "FILES_S3_ACCESS_KEY_ID": "id",
    "FILES_S3_SECRET_ACCESS_KEY": "a-secret-key",
    "FILES_NODES_SECRET": "secret-of-nodes-for-tests-0123456789abcdef",
}


class TestDoctor:
    """One line for each part, and what to do."""

    def lines(self, result: Result) -> dict[str, Any]:
        return {line["part"]: line for line in map(json.loads, result.stdout.splitlines())}

    def test_all_is_well_while_everything_runs(self, served: Served, environ: dict[str, str]) -> None:
        result = run(at(served, environ), "doctor", "--json")
        assert result.exit_code == 0, result.output
        assert all(line["ok"] for line in self.lines(result).values())
        assert len(self.lines(result)) == 19

    def test_the_operation_address_is_checked_beside_the_public_one(
        self, served: Served, environ: dict[str, str]
    ) -> None:
        result = run(at(served, {**environ, "FILES_OPERATION_HTTP": "127.0.0.1:9"}), "doctor", "--json")
        assert result.exit_code == 1
        lines = self.lines(result)
        assert "to everybody" in lines["gateway"]["text"]
        assert "Restart" in lines["gateway"]["advice"]
        assert "does not answer" in lines["operation"]["text"]

    @pytest.mark.parametrize(
        ("changes", "part", "advice"),
        [
            ({}, "gateway", "files up. Or correct FILES_PUBLIC_URL"),
            ({"FILES_PUBLIC_URL": "https://127.0.0.1:9"}, "gateway", "FILES_PUBLIC_URL"),
            ({"FILES_METADATA_URL": "nope://"}, "metadata", "FILES_METADATA_URL"),
            ({"FILES_METADATA_URL": "sqlite:////proc/nope/x.db"}, "metadata", "to the user of the service"),
            ({"FILES_BLOBS_URL": "file:///proc/nope"}, "blobs", "FILES_BLOBS_URL"),
            (_AWAY | {"FILES_BLOBS_URL": "s3://bucket?endpoint=http://127.0.0.1:9"}, "blobs", "FILES_S3_ACCESS_KEY_ID"),
            ({"FILES_BLOBS_URL": "nodes://127.0.0.1:9"}, "blobs", "or what the message names"),
            (_AWAY | {"FILES_BLOBS_URL": "nodes://127.0.0.1:9"}, "blobs", "Start the nodes"),
            ({"AMQP_URI": "amqp://guest:verysecret@127.0.0.1:9//"}, "broker", "AMQP_URI"),
            ({"AMQP_URI": "nope://guest:verysecret@127.0.0.1"}, "broker", "AMQP_URI"),
            ({"AMQP_URI": "amqp://guest:verysecret/@127.0.0.1"}, "broker", "AMQP_URI"),
            ({"AMQP_URI": "amqp://guest:verysecret@[::1"}, "broker", "AMQP_URI"),
            ({"FILES_NOTIFICATIONS_URL": "nope://events"}, "webhook", "broker://QUEUE"),
            ({"FILES_NOTIFICATIONS_URL": "broker://events"}, "webhook", "FILES_NOTIFICATIONS_URL"),
            ({"FILES_ENCRYPTION_KEYS": "verysecret"}, "keys", "Correct FILES_ENCRYPTION_KEYS"),
            ({"FILES_HTTP": "nonsense"}, "settings", "docs/settings.md"),
        ],
    )
    def test_a_part_that_does_not_work_is_named_with_advice(
        self, environ: dict[str, str], changes: dict[str, str], part: str, advice: str
    ) -> None:
        result = run({**environ, **changes}, "doctor", "--json")
        assert result.exit_code == 1
        line = self.lines(result)[part]
        assert not line["ok"]
        assert advice in line["advice"]
        assert "verysecret" not in result.output

    def test_a_list_store_is_checked_for_what_it_lacks(self, environ: dict[str, str], tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/lists.db"
        core = sqlite_core(tmp_path)
        pending_file(core)
        assert isinstance(core.metadata, SupportsChanges)

        def line() -> Any:
            return self.lines(run({**environ, "FILES_LIST_URL": url}, "doctor", "--json"))["lists"]

        assert "never been filled" in line()["text"]
        assert "python -m syncer run" in line()["advice"]
        sequence = core.metadata.last_sequence()
        open_metadata_store(url).close()
        assert "never been filled" in line()["text"]
        core.metadata.move_checkpoint(consumer_of(url), expected="", sequence=sequence)
        assert "is empty, or older" in line()["text"]
        assert isinstance(core.metadata, SupportsIdentity)
        with closing(open_metadata_store(url)) as copy:
            assert isinstance(copy, SupportsIdentity)
            mark = CopyMark(source=core.metadata.identity(), checkpoint=sequence).to_text()
            assert copy.write_note(MARK, expected="", text=mark)
        assert line()["ok"]
        assert "up to date" in line()["text"]
        pending_file(at_time(core, core.clock() - 3_600_000))
        assert "lacks 1 changes, the oldest 36" in line()["text"]
        assert "python -m syncer run" in line()["advice"]
        core.close()
        result = run({**environ, "FILES_LIST_URL": "sqlite:////proc/nope/x.db"}, "doctor", "--json")
        assert "FILES_LIST_URL" in self.lines(result)["lists"]["advice"]

    def test_lost_parts_are_named_by_doctor_and_scrub_until_they_are_repaired(
        self, environ: dict[str, str], tmp_path: Path
    ) -> None:
        with closing(sqlite_core(tmp_path)) as core:
            record, other = processed_file(core, b"precious"), processed_file(core, b"other", owner="bob")
            rot(paths(core, record)[0])
        assert "no worker has read them" in self.lines(run(environ, "doctor", "--json"))["bytes"]["text"]
        found = run(environ, "scrub")
        assert found.exit_code == 1
        assert f"{record['file_id']} p0 rotten 0 ann clip.bin\n" in found.stdout
        assert "2 files read, 1 part lost" in found.stdout
        assert other["file_id"] not in found.stdout
        of_bob = run(environ, "scrub", "--owner", "bob")
        assert (of_bob.exit_code, of_bob.stdout) == (0, "1 file read, 0 parts lost\n")
        line = self.lines(run(environ, "doctor", "--json"))["bytes"]
        assert not line["ok"]
        assert f"lost: {record['file_id']} p0 (rotten)" in line["text"]
        assert "files scrub" in line["advice"]
        with closing(sqlite_core(tmp_path)) as core:
            rot(paths(core, record)[0])
        assert run(environ, "scrub").exit_code == 0
        assert self.lines(run(environ, "doctor", "--json"))["bytes"] == {
            "part": "bytes",
            "text": "none are known to be lost",
            "advice": "",
            "ok": True,
        }

    def test_an_address_that_leads_no_client_to_the_gateway_is_named(self, environ: dict[str, str]) -> None:
        result = run({**environ, "FILES_HTTP": "0.0.0.0:8080"}, "doctor")
        assert "✗ settings" in result.output
        assert "Set FILES_PUBLIC_URL to the address at which clients reach the gateway." in result.output

    def test_secrets_that_others_may_read_are_named(self, environ: dict[str, str], tmp_path: Path) -> None:
        secrets = tmp_path / "secrets"
        secrets.mkdir(mode=0o755)
        result = run(environ, "doctor")
        assert "✗ secrets" in result.output
        assert f"chmod go= {secrets}" in result.output.replace("\n", "")

    def test_the_key_that_a_receipt_is_to_have_is_shown(self, environ: dict[str, str]) -> None:
        key = ReceiptSigner(environ["FILES_SIGNING_KEY"]).public_key
        assert key in self.lines(run(environ, "doctor", "--json"))["receipts"]["text"]

    def test_a_client_makes_no_secrets_and_tests_its_token(
        self, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        token = make_token("ann", SECRETS["FILES_JWT_SECRET"], 3_600)
        client = {"FILES_PUBLIC_URL": served.core.settings.public_url, "FILES_DATA_DIR": str(tmp_path / "none")}
        found = self.lines(run({**client, "FILES_TOKEN": token}, "doctor", "--json"))
        assert [(part, each["ok"]) for part, each in found.items()] == [
            ("settings", True),
            ("gateway", True),
            ("token", True),
        ]
        assert "FILES_TOKEN" in found["token"]["text"]
        assert not (tmp_path / "none").exists()

    def test_a_full_disk_is_named(self, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(import_module("files_service.cli.doctor"), "LEAST_FREE_BYTES", 2**62)
        assert not self.lines(run(environ, "doctor", "--json"))["space"]["ok"]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"FILES_TOKEN": "a.b.c"}, "FILES_TOKEN"),
            ({"FILES_TOKEN": make_token("ann", SECRETS["FILES_JWT_SECRET"], -1)}, "the token has expired"),
            ({"FILES_RPC_TOKEN": "another-token-0123456789abcdefghijkl"}, "the RPC token"),
            ({"FILES_JWT_SECRET": "another-secret-0123456789abcdefghijkl"}, "tokens of `files token`"),
            ({"FILES_SIGNING_KEY": "another-key-0123456789abcdefghijklmno"}, "signed URLs"),
        ],
    )
    def test_a_token_that_the_gateway_refuses_is_named(
        self, served: Served, environ: dict[str, str], changes: dict[str, str], said: str
    ) -> None:
        result = run({**at(served, environ), **changes}, "doctor", "--json")
        assert result.exit_code == 1
        line = self.lines(result)["token"]
        assert (line["ok"], said in line["text"]) == (False, True), line

    def test_tokens_are_tested_when_a_gateway_answers(self, served: Served, environ: dict[str, str]) -> None:
        token = make_token("ann", SECRETS["FILES_JWT_SECRET"], 60)
        line = self.lines(run({**at(served, environ), "FILES_TOKEN": token}, "doctor", "--json"))["token"]
        assert line["text"] == "the gateway accepts FILES_TOKEN, the RPC token, tokens of `files token`, signed URLs"
        away = self.lines(run(environ, "doctor", "--json"))["token"]
        assert (away["ok"], away["text"]) == (True, "not tested: no gateway answers")

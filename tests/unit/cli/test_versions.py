"""``files versions`` and ``files put --version-of``, against a gateway and its worker."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from files_service.cli.remote import Remote
from files_service.cli.upload import processed
from files_service.config import load_settings, read_config
from files_service.errors import NotFound
from tests.cores import call as call_action
from tests.cores import processed_file, put_parts, refusal
from tests.gateway.serving import Served
from tests.unit.cli.running import at, run


def test_versions_are_put_listed_labelled_restored_and_removed(
    served: Served, environ: dict[str, str], tmp_path: Path
) -> None:
    env = at(served, environ)
    path = tmp_path / "notes.txt"

    def put(text: str, *more: str) -> str:
        path.write_text(text)
        result = run(env, "put", str(path), "--owner", "ann", *more)
        assert result.exit_code == 0, result.output
        return str(json.loads(result.stdout)["file_id"])

    def versions(*words: str) -> list[str]:
        result = run(env, "versions", *words)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    file_id = put("one", "--alias", "notes")
    assert put("second", "--version-of", file_id) == file_id
    current, first = (line.split() for line in versions("list", "notes", "--owner", "ann"))
    assert (first[0], first[3:5], current[3:5]) == (file_id, ["3", "-"], ["6", "current"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", " ".join(first[1:3]))
    assert versions("label", file_id, file_id, "the first") == [f"labelled {file_id}"]
    assert versions("list", file_id)[1].endswith("the first")
    assert versions("label", file_id, file_id) == [f"took the label from {file_id}"]
    [restored] = versions("restore", file_id, file_id)
    assert restored.startswith(f"restored {file_id} as ")
    assert versions("remove", file_id, current[0]) == [f"removed {current[0]}"]
    assert len(versions("list", file_id)) == 2
    refused = run(env, "versions", "restore", file_id, current[0])
    assert (refused.exit_code, "no such version" in refused.stderr) == (1, True)
    for more in (["--name", "x"], ["--access", "public"], [str(tmp_path)]):
        assert run(env, "put", str(path), "--version-of", file_id, *more).exit_code == 2


def test_a_version_that_is_absorbed_while_its_sender_asks_is_found(alone: Served, environ: dict[str, str]) -> None:
    """The worker deletes the upload between any two questions."""
    core = alone.core
    file_id = processed_file(core, b"one")["file_id"]
    settings = load_settings(read_config(environ=at(alone, environ)))

    class Late(Remote):
        asked = 0

        def call(self, method: str, params: dict[str, Any]) -> Any:
            answer = super().call(method, params)
            self.asked += 1
            if self.asked == 1:
                put_parts(core, upload, [b"second"])
                call_action(core, "files.finish", file_id=upload["file_id"], part_id="p0")
                call_action(core, "files.process", file_id=upload["file_id"])
                assert isinstance(refusal(core, "files.info", file_id=upload["file_id"]), NotFound)
            return answer

    upload = call_action(core, "files.upload", owner="ann", name="n", parts=[{"size": 6}], version_of=file_id)
    record = processed(Late(settings), upload["file_id"], 60, version_of=file_id)
    assert (record["file_id"], record["version_id"]) == (file_id, upload["file_id"])

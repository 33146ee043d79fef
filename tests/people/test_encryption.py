"""Encryption by tenant: the key of one opens nothing of another, and its deletion takes only its own bytes."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner

from files_service.cli import cli
from files_service.services import content
from files_service.services.opening import open_core
from storage_adapters import KeyUnavailable
from tests.cores import call, processed_file, settings_for


def run(folder: Path, keys: str, *arguments: str, typed: str | None = None) -> tuple[int, str]:
    environ = {"FILES_DATA_DIR": str(folder), "FILES_ENCRYPTION_KEYS": keys}
    result = CliRunner(env=environ).invoke(cli, list(arguments), input=typed)
    return result.exit_code, result.output


def test_the_bytes_of_a_tenant_end_with_its_key_and_no_others(tmp_path: Path) -> None:
    keys = f"a:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    for tenant in ("acme", "other"):
        call(core, "accounts.create_tenant", name=tenant)
    owners = [
        call(core, "accounts.create", name=name, tenant=tenant, role="user")["owner"]
        for name, tenant in (("ann", "acme"), ("bob", "acme"), ("ann", "other"), ("ann", ""))
    ]
    assert owners == ["ann@acme", "bob@acme", "ann@other", "ann"]
    files = {owner: processed_file(core, b"bytes of " + owner.encode(), owner=owner) for owner in owners}
    core.close()
    assert run(tmp_path, keys, "tenant", "delete-key", "nobody", "--yes")[0] == 1
    assert run(tmp_path, "", "tenant", "delete-key", "acme", "--yes")[0] == 1
    assert run(tmp_path, keys, "tenant", "delete-key", "acme", typed="n\n")[0] == 1
    assert run(tmp_path, keys, "tenant", "delete-key", "acme", typed="y\n") == (
        0,
        "make all bytes of the tenant acme unreadable for ever? [y/N]: y\ndeleted the key of acme\n",
    )
    assert run(tmp_path, keys, "tenant", "delete-key", "acme", "--yes") == (0, "acme has no key\n")
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    for owner, file in files.items():
        part = core.metadata.get(file["file_id"]).parts[0]
        if owner.endswith("@acme"):
            with pytest.raises(KeyUnavailable, match="deleted"):
                list(content.read(core, part))
        else:
            assert b"".join(content.read(core, part)) == b"bytes of " + owner.encode()
    core.close()

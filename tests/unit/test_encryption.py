"""Encryption at rest: the key ring, keys of tenants, and the service on top of them."""

from __future__ import annotations

import base64
import secrets
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from files_service.cli import cli
from files_service.cli.key_checks import check_keys
from files_service.config import BadSettings
from files_service.domain.uploads import owner_segment
from files_service.errors import KeyUnavailable as KeyUnavailableError
from files_service.services import content
from files_service.services.encryption.key_ring import BadKeyRing, KeyRing
from files_service.services.encryption.owners import assign_owner
from files_service.services.encryption.tenant_keys import CACHE_MS, StoredTenantKeys
from files_service.services.opening import open_core
from storage_adapters import KeyUnavailable, RevisionConflict
from storage_adapters.metadata.memory import MemoryMetadataStore
from tests.cores import at_once, call, processed_file, settings_for

NOW = 1_700_000_000_000


ONE = f"a:{base64.b64encode(bytes(range(32))).decode()}"


def ring_text(*names: str) -> str:
    return ",".join(f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}" for name in names)


def stored_keys(store: MemoryMetadataStore, ring: KeyRing, timer: list[int] | None = None) -> StoredTenantKeys:
    return StoredTenantKeys(store, ring, clock=lambda: NOW, timer=lambda: timer[0] if timer else 0)


@pytest.fixture
def store() -> MemoryMetadataStore:
    return MemoryMetadataStore()


def test_the_first_key_wraps_and_every_key_unwraps() -> None:
    old, new = ring_text("old"), ring_text("new")
    wrapped = KeyRing.from_text(old).wrap(b"k" * 32)
    both = KeyRing.from_text(f"{new}\n{old}")
    assert both.current == "new"
    assert both.unwrap("old", wrapped) == b"k" * 32


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no key"),
        ("abc", "entry 1"),
        ("a:short", "the key a"),
        ("a:" + base64.b64encode(bytes(31)).decode(), "the key a"),
        (f"{ONE} b c", "entry 2"),
        (f"{ONE},{ONE}", "a comes twice"),
        ("a b:" + "A" * 44, "entry 1"),
    ],
)
def test_a_bad_ring_is_refused_by_entry_and_never_shown(text: str, fault: str) -> None:
    with pytest.raises(BadKeyRing, match=fault) as caught:
        KeyRing.from_text(text)
    assert "AAAA" not in str(caught.value)


def test_keys_are_not_shown() -> None:
    ring = KeyRing.from_text(ring_text("a"))
    store = MemoryMetadataStore()
    key = stored_keys(store, ring).current("owner/x")
    shown = repr(ring) + repr(key)
    for secret in (*ring.keys.values(), key.key):
        assert repr(secret) not in shown
        assert base64.b64encode(secret).decode() not in shown


def test_a_missing_or_wrong_key_of_the_ring_is_named(store: MemoryMetadataStore) -> None:
    key = stored_keys(store, KeyRing.from_text(ring_text("a"))).current("owner/x")
    with pytest.raises(KeyUnavailable, match="'a' is not in FILES_ENCRYPTION_KEYS"):
        stored_keys(store, KeyRing.from_text(ring_text("b"))).find(key.name)
    with pytest.raises(KeyUnavailable, match="'a' in FILES_ENCRYPTION_KEYS is another"):
        stored_keys(store, KeyRing.from_text(ring_text("a"))).find(key.name)


def test_owners_of_one_tenant_share_a_key_and_tenants_do_not(store: MemoryMetadataStore) -> None:
    keys = stored_keys(store, KeyRing.from_text(ring_text("a")))
    for owner in ("ann", "bob"):
        assign_owner(store, owner, "acme", now=NOW)
        assign_owner(store, owner, "acme", now=NOW)
    with pytest.raises(RevisionConflict):
        assign_owner(store, "bob", "other", now=NOW)
    assert keys.current("ann/f/p0") == keys.current("bob/f/p0") != keys.current("carl/f/p0")
    assert keys.find(keys.current("ann/x").name) == keys.current("ann/x")


def test_of_many_first_blobs_one_makes_the_key(store: MemoryMetadataStore) -> None:
    ring = KeyRing.from_text(ring_text("a"))
    found = at_once(8, lambda _: stored_keys(store, ring).current("ann/f"))
    assert len({key.name for key in found}) == 1


def test_a_deleted_tenant_key_is_used_for_a_second_at_most(store: MemoryMetadataStore) -> None:
    ring, timer = KeyRing.from_text(ring_text("a")), [0]
    here, elsewhere = stored_keys(store, ring), stored_keys(store, ring, timer)
    assign_owner(store, "ann", "acme", now=NOW)
    old, other = elsewhere.current("ann/f"), elsewhere.current("bob/f")
    elsewhere.find(old.name)
    assert here.delete("acme")
    assert not here.delete("acme")
    timer[0] = CACHE_MS
    with pytest.raises(KeyUnavailable, match="deleted"):
        elsewhere.find(old.name)
    assert elsewhere.current("ann/f") != old
    assert elsewhere.find(other.name) == other


def test_rotation_wraps_every_key_anew_and_can_be_continued(store: MemoryMetadataStore) -> None:
    old, new = ring_text("old"), ring_text("new")
    before = stored_keys(store, KeyRing.from_text(old))
    for number in range(120):
        assign_owner(store, f"o{number}", f"t{number}", now=NOW)
    found = [before.current(f"o{number}/x") for number in range(120)]
    both = stored_keys(store, KeyRing.from_text(f"{new},{old}"))
    rotation = both.rotate()
    for _ in range(7):
        next(rotation)
    rotation.close()  # type: ignore[attr-defined]
    assert sum(1 for _ in both.rotate()) == 113
    assert sum(1 for _ in both.rotate()) == 0
    after = stored_keys(store, KeyRing.from_text(new))
    assert [after.find(key.name) for key in found] == found


def test_a_file_is_stored_encrypted_and_read_back(tmp_path: Path) -> None:
    text = ring_text("a")
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=text))
    record = processed_file(core, b"a sentence to be found " * 1_000)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "blobs").rglob("content"))
    assert len(stored) > 23_000
    assert b"sentence" not in stored
    part = core.metadata.get(record["file_id"]).parts[0]
    assert b"".join(content.read(core, part)) == b"a sentence to be found " * 1_000
    core.close()
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=ring_text("b")))
    with pytest.raises(KeyUnavailableError, match="'a' is not in FILES_ENCRYPTION_KEYS"):
        call(core, "files.process", file_id=record["file_id"], force=True)
    core.close()


def test_the_command_encrypts_what_was_stored_before(tmp_path: Path) -> None:
    core = open_core(settings_for(tmp_path))
    records = [processed_file(core, b"a sentence to be found " * number) for number in range(1, 4)]
    core.close()
    keys = ring_text("a")

    def run(keys: str) -> tuple[int, str]:
        result = CliRunner().invoke(
            cli, ["encrypt"], env={"FILES_DATA_DIR": str(tmp_path), "FILES_ENCRYPTION_KEYS": keys}
        )
        return result.exit_code, result.stdout

    assert run("")[0] == 1
    assert run(keys) == (0, "encrypted: 3 blobs, 138 bytes\n")
    assert run(keys) == (0, "encrypted: 0 blobs, 0 bytes\n")
    assert all(b"sentence" not in path.read_bytes() for path in (tmp_path / "blobs").rglob("content"))
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=keys))
    for number, record in enumerate(records, start=1):
        before = core.metadata.get(record["file_id"])
        assert b"".join(content.read(core, before.parts[0])) == b"a sentence to be found " * number
        content.require_whole(core, before.parts[0])
        assert call(core, "files.process", file_id=record["file_id"], force=True)["status"] == "processed"
    core.close()


def test_the_command_fails_when_it_left_bytes_in_clear(tmp_path: Path) -> None:
    with closing(open_core(settings_for(tmp_path))) as core:
        for number in range(1, 4):
            processed_file(core, b"x" * number)
    bad = min((tmp_path / "blobs").rglob("info.json"))
    bad.write_bytes(b"")
    result = CliRunner().invoke(
        cli, ["encrypt"], env={"FILES_DATA_DIR": str(tmp_path), "FILES_ENCRYPTION_KEYS": ring_text("a")}
    )
    assert (result.exit_code, result.stdout.startswith("encrypted: 2 blobs")) == (1, True)
    key = str(bad.parent.relative_to(tmp_path / "blobs/blobs")).removesuffix(".blob")
    assert f"left as it is: {key}" in result.stderr


def test_the_doctor_names_a_key_that_is_missing_or_still_needed(store: MemoryMetadataStore, tmp_path: Path) -> None:
    old, new = ring_text("old"), ring_text("new")

    def found(ring: str) -> tuple[bool, str]:
        finding = check_keys(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=ring), store)
        return finding.ok, finding.text

    assert found("") == (True, "encryption is off (FILES_ENCRYPTION_KEYS is empty)")
    stored_keys(store, KeyRing.from_text(old)).current("o/x")
    assert found(old) == (True, "1 key of tenants can be opened, old wraps new ones")
    assert "old is still needed until `files rotate-keys` has run" in found(f"{new},{old}")[1]
    for ring, fault in (("", "is empty"), (new, "'old' is not in"), (ring_text("old"), "another than before")):
        ok, text = found(ring)
        assert (ok, fault in text) == (False, True)


def test_files_from_before_are_read_when_encryption_is_on(tmp_path: Path) -> None:
    core = open_core(settings_for(tmp_path))
    record = processed_file(core, b"in clear")
    core.close()
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=ring_text("a")))
    part = core.metadata.get(record["file_id"]).parts[0]
    assert b"".join(content.read(core, part)) == b"in clear"
    assert call(core, "files.process", file_id=record["file_id"], force=True)["status"] == "processed"
    core.close()


def test_a_store_of_encrypted_bytes_is_not_opened_without_keys(tmp_path: Path) -> None:
    open_core(settings_for(tmp_path)).close()
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=ring_text("a")))
    processed_file(core, b"sealed")
    core.close()
    with pytest.raises(BadSettings, match=r"encryption_keys: is empty, and stored bytes are encrypted"):
        open_core(settings_for(tmp_path))


def test_keys_may_be_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(ring_text("a") + "\n")
    path.chmod(0o640)
    with pytest.raises(BadSettings, match=r"encryption_keys: others can read .* chmod 600"):
        settings_for(tmp_path, FILES_ENCRYPTION_KEYS=str(path))
    path.chmod(0o600)
    open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=str(path))).close()
    with pytest.raises(BadSettings, match="encryption_keys: cannot read"):
        settings_for(tmp_path, FILES_ENCRYPTION_KEYS="/nowhere/keys")
    with pytest.raises(BadSettings, match="encryption_keys: entry 1"):
        open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS="nonsense"))


def test_the_command_rotates_and_says_what_is_missing(tmp_path: Path) -> None:
    old, new = ring_text("old"), ring_text("new")
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=old))
    record = processed_file(core, b"kept")
    core.close()

    def run(keys: str) -> tuple[int, str]:
        result = CliRunner().invoke(
            cli, ["rotate-keys"], env={"FILES_DATA_DIR": str(tmp_path), "FILES_ENCRYPTION_KEYS": keys}
        )
        return result.exit_code, result.output

    assert run("") == (1, run("")[1])
    assert "is empty, and stored bytes are encrypted" in run("")[1]
    assert run(new) == (1, run(new)[1])
    assert "'old' is not in FILES_ENCRYPTION_KEYS" in run(new)[1]
    assert run(f"{new},{old}") == (0, "keys of tenants wrapped anew: 1; all are wrapped by new now\n")
    assert run(f"{new},{old}") == (0, "keys of tenants wrapped anew: 0; all are wrapped by new now\n")
    core = open_core(settings_for(tmp_path, FILES_ENCRYPTION_KEYS=new))
    part = core.metadata.get(record["file_id"]).parts[0]
    assert b"".join(content.read(core, part)) == b"kept"
    assert part.key.startswith(owner_segment(str(record["owner"])))
    core.close()

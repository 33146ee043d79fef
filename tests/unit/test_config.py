"""Settings: what is wrong stops the start and is named; what is not set is completed."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from files_service.config import BadSettings, Settings, load_settings, read_config
from storage_adapters import BlobOptions, DesiredState, SignedUrl
from tests.cores import SECRETS, settings_for


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    """The settings of a file with this text."""
    path = folder / "config.yaml"
    path.write_text(text)
    return load_settings(read_config(path, environ={**SECRETS, **environ}))


def test_the_packaged_file_takes_everything_from_the_environment(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, AMQP_URI="amqp://broker", FILES_HTTP="0.0.0.0:80", FILES_LOG_LEVEL="DEBUG")
    assert (settings.amqp_uri, settings.http_host, settings.http_port) == ("amqp://broker", "0.0.0.0", 80)
    assert (settings.log_level, settings.data_dir) == ("DEBUG", tmp_path)


def test_the_stores_and_the_public_url_follow_from_the_rest(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, FILES_HTTP="[::1]:9")
    assert settings.metadata_url == f"sqlite:///{tmp_path}/files.db"
    assert settings.blobs_url == f"file://{tmp_path}/blobs"
    assert (settings.http_host, settings.public_url) == ("::1", "http://[::1]:9")


def test_numbers_are_numbers_for_nameko_and_text_for_us_where_text_is_meant(tmp_path: Path) -> None:
    config = read_config(environ={**SECRETS, "FILES_RPC_WORKERS": "7", "FILES_DATA_DIR": "2024"})
    assert config["max_workers"] == 7
    assert config["FILES"]["data_dir"] == "2024"
    token = "1" * 40
    assert settings_for(tmp_path, FILES_RPC_TOKEN=token).rpc_token == token


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"FILES_HTTP": "8080"}, "FILES.http"),
        ({"FILES_HTTP": "host:port"}, "FILES.http"),
        ({"FILES_HTTP": "host:65536"}, "FILES.http"),
        ({"FILES_HTTP": "a:b:1"}, "FILES.http"),
        ({"FILES_PUBLIC_URL": "files.example"}, "FILES.public_url"),
        ({"FILES_PUBLIC_URL": "ftp://files.example"}, "FILES.public_url"),
        ({"FILES_LOG_LEVEL": "LOUD"}, "FILES.log_level"),
        ({"FILES_PUBLIC_URL": "http://files.example:65536"}, "FILES.public_url"),
        ({"FILES_PUBLIC_URL": "http://[::1"}, "FILES.public_url"),
        ({"FILES_RPC_TOKEN": "short"}, "FILES.rpc_token"),
        ({"FILES_RPC_TOKEN": f"{'short' * 8}\n"}, "FILES.rpc_token"),
        ({"FILES_TOKEN": "short\n"}, "FILES.token"),
        ({"FILES_TOKEN": "sh\u00f6rt"}, "FILES.token"),
        ({"FILES_JWT_SECRET": "short"}, "FILES.jwt_secret"),
        ({"FILES_SIGNING_KEY": "short"}, "FILES.signing_key"),
        ({"FILES_S3_ACCESS_KEY_ID": "id"}, "FILES.s3_secret_access_key: is empty"),
        ({"FILES_S3_SECRET_ACCESS_KEY": "short"}, "FILES.s3_access_key_id: is empty"),
        ({"FILES_GCS_HMAC_ACCESS_ID": "id"}, "FILES.gcs_hmac_secret: is empty"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown_if_secret(tmp_path: Path, environ: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings, match=named) as caught:
        settings_for(tmp_path, **environ)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("FILES: {htpp: x}", "FILES.htpp"),
        ("FILES: {max_attempts: 0}", "FILES.max_attempts"),
        ("FILES: {allowed_content_types: video}", "FILES.allowed_content_types"),
        ("FILES: [1]", "FILES"),
        ("- 1", "not a mapping"),
        ("a: [", "cannot read"),
        ("FILES: {rpc_token: '${NOT_SET_ANYWHERE}'}", "NOT_SET_ANYWHERE"),
        ("FILES:\n  trash_days: 3\n  trash_days: 5", "the key trash_days comes twice in line 3, column 3"),
        ("trash_days: 3", "trash_days: belongs under FILES"),
        ("FILE: {trash_days: 3}", "FILE: .*did you mean FILES"),
        ("AMQP_URL: amqp://broker", "AMQP_URL: .*did you mean AMQP_URI"),
        ("max_workers: 0", "max_workers: must be a whole number, at least 1"),
        ("max_workers: ten", "max_workers: must be"),
        ("HEARTBEAT: often", "HEARTBEAT: must be a whole number, at least 0"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        loaded(tmp_path, text)


def test_what_other_programs_keep_beside_our_settings_is_left_alone(tmp_path: Path) -> None:
    text = "LOGGING: {version: 1}\nrpc_exchange: x\nFILES:\n  <<: {trash_days: 3}\n  trash_days: 4\n"
    assert loaded(tmp_path, text, FILES_DATA_DIR=str(tmp_path)).trash_days == 4


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(BadSettings, match="cannot read the settings"):
            read_config(path)


class TestGeneratedSecrets:
    """Secrets that nobody set are made once, for the owner's eyes alone."""

    NAMES = ("rpc_token", "jwt_secret", "signing_key")

    def load(self, folder: Path) -> Settings:
        return load_settings(read_config(environ={"FILES_DATA_DIR": str(folder)}))

    def values(self, settings: Settings) -> list[Any]:
        return [getattr(settings, name) for name in self.NAMES]

    def test_they_are_kept_and_readable_by_the_owner_alone(self, tmp_path: Path) -> None:
        first, second = self.load(tmp_path), self.load(tmp_path)
        assert self.values(first) == self.values(second)
        assert len(set(self.values(first))) == 3
        assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
        for name in self.NAMES:
            assert stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) == 0o600

    def test_processes_that_start_together_agree(self, tmp_path: Path) -> None:
        seen: list[list[Any]] = []
        threads = [threading.Thread(target=lambda: seen.append(self.values(self.load(tmp_path)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 8
        assert all(each == seen[0] for each in seen)
        assert sorted(path.name for path in (tmp_path / "secrets").iterdir()) == sorted(self.NAMES)

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BadSettings, match=r"FILES\.data_dir"):
            self.load(tmp_path / "file" / "data")


def test_settings_and_options_show_no_secret(tmp_path: Path) -> None:
    told = {
        **SECRETS,
        "AMQP_URI": "amqp://files:secret-of-broker@broker//",
        "FILES_METADATA_URL": "redis://:secret-of-redis@redis",
        "FILES_LIST_URL": "couchdb://files:secret-of-couch@couch/files",
        "FILES_GCS_HMAC_ACCESS_ID": "id-of-key",
        "FILES_GCS_HMAC_SECRET": "secret-of-key",
        "FILES_NODES_SECRET": "secret-of-nodes-0123456789abcdef",
        "FILES_WEBHOOK_TOKEN": "secret-of-webhook-0123456789abcdef",
        "FILES_WEBHOOK_CHANNEL_TOKEN": "secret-of-channel-0123456789abcdef",
    }
    settings = settings_for(tmp_path, **told)
    shown = [
        repr(settings),
        repr(BlobOptions(signing_key=settings.signing_key.encode(), gcs_hmac_secret=settings.gcs_hmac_secret)),
        repr(BlobOptions(nodes_secret=settings.nodes_secret)),
        repr(DesiredState(bucket="b", prefix="", project="p", push_token=settings.webhook_token)),
        repr(SignedUrl(method="PUT", url="https://x/?upload_id=secret-of-session", headers={}, expires_at=1)),
    ]
    for text in shown:
        assert "secret-of" not in text
        assert not any(secret in text for secret in SECRETS.values())

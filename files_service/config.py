"""Settings: one YAML file with ``${ENV:default}``, validated at start.

Only this module reads ``os.environ``, and nothing is read at import time.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from files_service.runtime.logs import LOG_FORMATS
from storage_adapters import sync_name

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::(?P<default>[^}]*))?\}")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(?P<port>[0-9]{1,5})")


class BadSettings(Exception):
    """Invalid settings; the message names the key and the fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The effective settings; docs/settings.md describes each. Secrets are left out of ``repr``."""

    amqp_uri: str = field(repr=False)
    data_dir: Path
    metadata_url: str = field(repr=False)
    list_url: str = field(repr=False)
    list_reads: bool
    list_writes: bool
    list_timeout_ms: int
    blobs_url: str
    http_host: str
    http_port: int
    public_url: str
    rpc_token: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    token: str = field(repr=False)
    signing_key: str = field(repr=False)
    gcs_hmac_access_id: str
    gcs_hmac_secret: str = field(repr=False)
    storage_emulator_host: str
    webhook_email: str
    webhook_audience: str
    webhook_token: str = field(repr=False)
    webhook_channel_token: str = field(repr=False)
    webhook_certs_url: str
    notifications_url: str
    gcs_project: str
    pubsub_topic: str
    pubsub_emulator_host: str
    metrics_http: str
    log_level: str
    log_format: str
    upload_ttl_seconds: int
    max_part_bytes: int
    max_file_bytes: int
    allowed_content_types: tuple[str, ...]
    chunk_bytes: int
    chunk_quarantine_seconds: int
    form_upload_bytes: int
    owner_quota_bytes: int
    owner_uploads: int
    free_disk_bytes: int
    max_attempts: int
    lease_seconds: int
    sweep_interval_seconds: int
    inventory_interval_seconds: int
    orphan_seconds: int
    rpc_timeout_seconds: int
    stop_timeout_seconds: int

    @property
    def public_path(self) -> str:
        """The path of the public address, which precedes all paths; "" without one."""
        return urlsplit(self.public_url).path.rstrip("/")


def _text(description: str, default: str = "", **arguments: Any) -> fields.String:
    return fields.String(load_default=default, metadata={"description": description}, **arguments)


def _number(description: str, default: int, low: int, high: int) -> fields.Integer:
    return fields.Integer(
        load_default=default, validate=validate.Range(low, high), metadata={"description": description}
    )


def _flag(description: str, *, default: bool) -> fields.Boolean:
    return fields.Boolean(load_default=default, metadata={"description": description})


def _host_and_port(value: str) -> None:
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match["port"]) > 65_535:
        raise ValidationError("Must be host:port.")


class SettingsSchema(Schema):
    """The keys under ``FILES``, with their defaults."""

    class Meta:
        """Schema options: unknown keys are an error."""

        unknown = RAISE

    data_dir = _text("Folder of the embedded stores and of generated secrets.", "./data")
    metadata_url = _text("Metadata store; empty: `sqlite:///<data_dir>/files.db`.")
    list_url = _text("Second metadata store, which answers lists; empty: none.")
    list_reads = _flag("Read lists from the second metadata store; if false, from the primary.", default=True)
    list_writes = _flag("Run the syncer, which fills the second metadata store, in `files up`.", default=True)
    list_timeout_ms = _number(
        "Milliseconds after which a list falls back from the second metadata store to the primary.", 2_000, 10, 60_000
    )
    blobs_url = _text("Blob store; empty: `file://<data_dir>/blobs`.")
    http = _text(
        "Address on which the gateway listens, `host:port`.",
        "127.0.0.1:8080",
        validate=lambda value: _host_and_port(value),
    )
    public_url = _text(
        "Base of the URLs that the service hands out; empty: `http://<http>`.",
        validate=validate.Regexp(r"(https?://[^\s/?#]+[^\s?#]*)?\Z", error="Must begin with http:// or https://."),
    )
    rpc_token = _text("Bearer token for `/rpc`; empty: generated into the data folder.")
    jwt_secret = _text("Secret that signs the tokens of end users; empty: generated into the data folder.")
    token = _text("Token that the commands send, an end user's or the RPC token; empty: `rpc_token`.")
    signing_key = _text("Secret that signs local blob URLs; empty: generated into the data folder.")
    gcs_hmac_access_id = _text("Access id of the HMAC key that signs Cloud Storage URLs; empty: another signer.")
    gcs_hmac_secret = _text("Secret of that HMAC key.")
    storage_emulator_host = _text("Cloud Storage emulator, `http://host:port`; empty: Google's API.")
    webhook_email = _text("Service account that signs Pub/Sub push requests; empty: signed pushes are rejected.")
    webhook_audience = _text("Audience of the push tokens; empty: `<public_url>/webhooks/gcs/pubsub`.")
    webhook_token = _text("Secret that a push may carry instead of a signed token; empty: rejected.")
    webhook_channel_token = _text("Secret of object change notifications, the older kind; empty: rejected.")
    webhook_certs_url = _text(
        "URL of the keys that verify signed push tokens.",
        "https://www.googleapis.com/oauth2/v3/certs",
        validate=validate.Regexp(r"https?://\S+\Z", error="Must begin with http:// or https://."),
    )
    notifications_url = _text("Queue from which the worker pulls notifications; empty: none.")
    gcs_project = _text("Google Cloud project of topic and subscriptions; empty: that of `notifications_url`.")
    pubsub_topic = _text(
        "Topic to which the bucket publishes; used by `files gcs setup`.",
        "files",
        validate=validate.Regexp(r"[A-Za-z][A-Za-z0-9._~+%-]{2,200}\Z", error="Not the name of a topic."),
    )
    pubsub_emulator_host = _text("Pub/Sub emulator, `host:port`; empty: Google's API.")
    metrics_http = _text(
        "Address on which `files worker` and `files rpc` serve `/metrics`, `host:port`; empty: none.",
        validate=lambda value: _host_and_port(value) if value else None,
    )
    log_level = _text(
        "Minimum level of log messages.", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR"))
    )
    log_format = _text(
        "Form of the log: `json`, `text`, or `auto`, which is text on a terminal and JSON elsewhere.",
        "auto",
        validate=validate.OneOf(LOG_FORMATS),
    )
    upload_ttl_seconds = _number("Seconds after which an unfinished upload expires.", 86_400, 1, 31_536_000)
    max_part_bytes = _number("Largest part that may be declared.", 5 * 2**40, 1, 2**53 - 1)
    max_file_bytes = _number("Largest total size of the parts of a file.", 5 * 2**40, 1, 2**53 - 1)
    allowed_content_types = fields.List(
        fields.String(),
        load_default=(),
        metadata={"description": "Accepted content types, `image/*` for a family; empty: all."},
    )
    chunk_bytes = _number("Size of the chunks into which uploads are cut.", 4 * 2**20, 1_024, 64 * 2**20)
    chunk_quarantine_seconds = _number("Seconds that an unreferenced chunk is kept.", 3_600, 1, 31_536_000)
    form_upload_bytes = _number("Largest body of `POST /api/files/upload`.", 32 * 2**20, 1, 2 * 2**30)
    owner_quota_bytes = _number(
        "Upload quota of an owner in bytes, over files and uploads; 0: unlimited.", 0, 0, 2**53 - 1
    )
    owner_uploads = _number("Maximum number of unfinished chunked uploads of an owner.", 100, 1, 100_000)
    free_disk_bytes = _number(
        "Minimum free space: an upload that would leave less is rejected, if the blob store reports free space.",
        256 * 2**20,
        0,
        2**53 - 1,
    )
    max_attempts = _number("Failed attempts after which processing is no longer retried automatically.", 5, 1, 1_000)
    lease_seconds = _number("Seconds after which the lease of a worker that does not respond expires.", 60, 1, 86_400)
    sweep_interval_seconds = _number("Seconds between two runs of the sweeper.", 60, 1, 86_400)
    inventory_interval_seconds = _number(
        "Seconds between two orphan scans of the blob store; 0: never.", 86_400, 0, 31_536_000
    )
    orphan_seconds = _number("Seconds that a blob without a record is kept.", 604_800, 0, 31_536_000)
    rpc_timeout_seconds = _number("Seconds that a client waits for an answer.", 30, 1, 3_600)
    stop_timeout_seconds = _number("Seconds that a stopping process waits for requests in flight.", 30, 0, 3_600)


def read_config(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read the YAML file (by default the packaged one) and substitute environment variables. Raises BadSettings."""
    try:
        text = Path(path).read_text() if path else (files("files_service") / "config.yaml").read_text()
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadSettings(f"cannot read the settings: {error}") from error
    if not isinstance(document, dict):
        raise BadSettings("the settings are not a mapping")
    filled: dict[str, Any] = _fill_in(document, os.environ if environ is None else environ)
    return filled


def _fill_in(value: Any, environ: Mapping[str, str], *, ours: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _fill_in(each, environ, ours=ours or key == "FILES") for key, each in value.items()}
    if isinstance(value, list):
        return [_fill_in(each, environ, ours=ours) for each in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name not in environ and default is None:
            raise BadSettings(f"the environment variable {name} is not set")
        return environ.get(name, default or "")

    filled = _VARIABLE.sub(replace, value)
    # nameko does not accept max_workers as text; our own schema converts numbers itself.
    return int(filled) if not ours and _VARIABLE.fullmatch(value) and filled.isdecimal() else filled


def misspelt_variables(path: str | Path | None, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return variables of the environment that no setting reads although they resemble one, with its name."""
    texts = [(files("files_service") / "config.yaml").read_text(), *([Path(path).read_text()] if path else [])]
    known = {match["name"] for text in texts for match in _VARIABLE.finditer(text)}
    strange = {name for name in (os.environ if environ is None else environ) if name.startswith("FILES_")} - known
    near = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.8) for name in sorted(strange)}
    return {name: found[0] for name, found in near.items() if found}


def child_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process: ours plus the additions."""
    return {**os.environ, **additions}


def load_settings(config: Mapping[str, Any], *, make_secrets: bool = True) -> Settings:
    """Validate the settings and complete them; create the data folder and missing secrets.

    A client makes no secrets: those that are missing are "". Raises BadSettings that names the key at fault.
    """
    try:
        ours: dict[str, Any] = SettingsSchema().load(_given(config.get("FILES") or {}))
    except ValidationError as error:
        faults = "; ".join(f"FILES.{key}: {' '.join(map(str, text))}" for key, text in error.messages_dict.items())
        raise BadSettings(faults) from error
    data_dir = Path(ours["data_dir"]).absolute()
    host, _, port = ours.pop("http").rpartition(":")
    ours["http_host"], ours["http_port"] = host.strip("[]"), int(port)
    ours["data_dir"] = data_dir
    ours["metadata_url"] = ours["metadata_url"] or f"sqlite:///{quote(str(data_dir / 'files.db'))}"
    ours["blobs_url"] = ours["blobs_url"] or f"file://{quote(str(data_dir / 'blobs'))}"
    ours["public_url"] = (ours["public_url"] or f"http://{host}:{port}").rstrip("/")
    ours["allowed_content_types"] = tuple(ours["allowed_content_types"])
    if ours["list_url"] and sync_name(ours["list_url"]) == sync_name(ours["metadata_url"]):
        raise BadSettings("FILES.list_url: must not be the metadata store itself; leave it empty")
    for name in ("rpc_token", "jwt_secret", "signing_key"):
        ours[name] = ours[name] or _secret_of(data_dir, name, make=make_secrets)
        if len(ours[name]) < 32 and (ours[name] or make_secrets):
            raise BadSettings(f"FILES.{name}: must have at least 32 characters; create one with: openssl rand -hex 32")
    for name in ("webhook_token", "webhook_channel_token"):
        if ours[name] and len(ours[name]) < 32:
            raise BadSettings(f"FILES.{name}: must have at least 32 characters; create one with: openssl rand -hex 32")
    return Settings(amqp_uri=config.get("AMQP_URI") or "", **ours)


def _given(section: Any) -> Any:
    """Drop keys without a value: nameko's own YAML reader turns an empty value into null."""
    return {key: value for key, value in section.items() if value is not None} if isinstance(section, dict) else section


def make_private(folder: Path) -> None:
    """Create a folder, if it does not exist, that only its owner can enter, whatever the umask."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def _secret_of(data_dir: Path, name: str, *, make: bool) -> str:
    """Read the secret from the data folder; the first process of the service that needs it creates it."""
    path = data_dir / "secrets" / name
    try:
        if not make and not path.exists():
            return ""
        for folder in (data_dir, path.parent):
            make_private(folder)
        if not path.exists():
            draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            # Linking fails when another process was faster; its secret is used.
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        if path.stat().st_uid not in (0, os.geteuid()):
            raise BadSettings(f"FILES.data_dir: {path} belongs to another user, who knows the secret; delete it")
        return path.read_text().strip()
    except OSError as error:
        raise BadSettings(f"FILES.data_dir: cannot store {name} in {path.parent}: {error.strerror}") from error

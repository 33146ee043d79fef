"""Settings: one YAML file with ``${ENV:default}``, validated at start.

Only this module reads ``os.environ``, and nothing is read at import time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from files_service.domain.notice_addresses import SERVICES
from files_service.runtime.addresses import Network, has_host, host_and_port, is_address, is_token, networks
from files_service.runtime.data_folder import UnkeptSecret, kept_secret, secret_or_file
from files_service.runtime.logs import LOG_FORMATS
from files_service.runtime.strict_yaml import parse_yaml
from files_service.runtime.substitution import MissingVariable, nearest, resembling, substitute, variables
from storage_adapters import sync_name

_GENERATED = ("rpc_token", "jwt_secret", "signing_key")
_TOP_LEVEL = ("FILES", "AMQP_URI", "max_workers", "HEARTBEAT")


class BadSettings(Exception):
    """Invalid settings; the message names the key and the fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The effective settings; docs/settings.md describes each. Secrets are left out of ``repr``."""

    amqp_uri: str = field(repr=False)
    queue_door: bool
    queue_type: str
    data_dir: Path
    metadata_url: str = field(repr=False)
    list_url: str = field(repr=False)
    list_reads: bool
    list_writes: bool
    list_timeout_ms: int
    blobs_url: str
    mirror_url: str
    failure_domains: tuple[str, str] | None
    http_host: str
    http_port: int
    operation_http: str
    public_url: str
    trusted_proxies: tuple[Network, ...]
    rpc_token: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    token: str = field(repr=False)
    registration: str
    anonymous_owner: str
    signing_key: str = field(repr=False)
    encryption_keys: str = field(repr=False)
    accept_bucket_encryption: bool
    nodes_secret: str = field(repr=False)
    gcs_hmac_access_id: str
    gcs_hmac_secret: str = field(repr=False)
    storage_emulator_host: str
    s3_access_key_id: str
    s3_secret_access_key: str = field(repr=False)
    webhook_email: str
    webhook_audience: str
    webhook_token: str = field(repr=False)
    webhook_channel_token: str = field(repr=False)
    webhook_s3_token: str = field(repr=False)
    webhook_certs_url: str
    notifications_url: str
    gcs_project: str
    pubsub_topic: str
    pubsub_emulator_host: str
    metrics_http: str
    log_level: str
    log_format: str
    upload_ttl_seconds: int
    trash_days: int
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
    notice_channels: str = field(repr=False)
    notice_services: tuple[str, ...]
    notice_disk_percent: int
    notice_disk_bytes: int
    notice_digest_hour: int
    sweep_interval_seconds: int
    inventory_interval_seconds: int
    orphan_seconds: int
    max_versions: int
    kept_versions: int
    kept_versions_days: int
    scrub_days: int
    media: bool
    development: bool
    rpc_timeout_seconds: int
    stop_timeout_seconds: int

    @property
    def public_path(self) -> str:
        """The path of the public address, which precedes all paths; "" without one."""
        return urlsplit(self.public_url).path.rstrip("/")


def _text(description: str, default: str = "", **arguments: Any) -> fields.String:
    return fields.String(load_default=default, metadata={"description": description}, **arguments)


def _services(value: str) -> None:
    unknown = sorted(set(value.split()) - set(SERVICES))
    if unknown:
        raise ValidationError(f"{unknown[0][:40]}: must be of {', '.join(SERVICES)}.")


def _number(description: str, default: int, low: int, high: int) -> fields.Integer:
    return fields.Integer(
        load_default=default, validate=validate.Range(low, high), metadata={"description": description}
    )


def _flag(description: str, *, default: bool) -> fields.Boolean:
    return fields.Boolean(load_default=default, metadata={"description": description})


def _two_names(text: str) -> tuple[str, str] | None:
    names = [name.strip() for name in text.split(",")] if text else []
    if names and (len(names) != 2 or not all(names)):
        raise BadSettings("FILES.failure_domains: must be two names with a comma between")
    return (names[0], names[1]) if names else None


def _must_be_address(value: str) -> None:
    if not is_address(value):
        raise ValidationError("Must be host:port.")


def _must_be_base(value: str) -> None:
    if value and not re.fullmatch(r"https?://[^\s?#]+", value):
        raise ValidationError("Must begin with http:// or https://.")
    if value and not has_host(value):
        raise ValidationError("Must have a host, and a port of up to 65535 or none.")


def _must_be_token(value: str) -> None:
    if value and not is_token(value):
        raise ValidationError("Must be one line of ASCII without spaces at its ends.")


def _must_be_networks(value: str) -> None:
    try:
        networks(value)
    except ValueError as error:
        raise ValidationError(f"Must be addresses or networks: {error}.") from error


class SettingsSchema(Schema):
    """The keys under ``FILES``, with their defaults."""

    class Meta:
        """Schema options: unknown keys are an error."""

        unknown = RAISE

    data_dir = _text("Folder of the embedded stores and of generated secrets.", "./data")
    queue_door = _flag("Take the bytes of uploads over the broker, by `files ingest-worker`.", default=False)
    queue_type = _text(
        "Type of the queues that the service declares: `classic`, or `quorum` for a cluster of brokers.",
        "classic",
        validate=validate.OneOf(("classic", "quorum")),
    )
    metadata_url = _text("Metadata store; empty: `sqlite:///<data_dir>/files.db`.")
    list_url = _text("Second metadata store, which answers lists; empty: none.")
    list_reads = _flag("Read lists from the second metadata store; if false, from the primary.", default=True)
    list_writes = _flag("Run the syncer, which fills the second metadata store, in `files up`.", default=True)
    list_timeout_ms = _number(
        "Milliseconds after which a list falls back from the second metadata store to the primary.", 2_000, 10, 60_000
    )
    blobs_url = _text("Blob store; empty: `file://<data_dir>/blobs`.")
    mirror_url = _text("Second blob store, which keeps a copy of every blob; empty: none. Both must be `file://`.")
    failure_domains = _text(
        "Failure domains of the blob store and of its mirror, `disk-a,disk-b`; empty: their devices."
    )
    http = _text(
        "Address on which the gateway listens, `host:port`.",
        "127.0.0.1:8080",
        validate=_must_be_address,
    )
    operation_http = _text(
        "Address on which the gateway serves `/metrics`, `/docs`, `/openapi.json` and the details of `/readyz` to "
        "operators alone, `host:port`; empty: at `http`, to everybody.",
        validate=lambda value: _must_be_address(value) if value else None,
    )
    public_url = _text(
        "Base of the URLs that the service hands out; empty: `http://<http>`.",
        validate=_must_be_base,
    )
    trusted_proxies = _text(
        "Addresses or networks of proxies, separated by commas, whose `X-Forwarded-For` names the client; empty: none.",
        validate=_must_be_networks,
    )
    rpc_token = _text("Bearer token for `/rpc`; empty: generated into the data folder.", validate=_must_be_token)
    jwt_secret = _text("Secret that signs the tokens of end users; empty: generated into the data folder.")
    token = _text(
        "Token that the commands send, an end user's or the RPC token; empty: `rpc_token`.", validate=_must_be_token
    )
    registration = _text(
        "Registration of people: `closed`, `invite`, or `open`.",
        "closed",
        validate=validate.OneOf(("closed", "invite", "open")),
    )
    anonymous_owner = _text(
        "Owner of the files that strangers send to `POST /upload`; empty: whoever sends must sign in.",
        validate=validate.Length(max=78),
    )
    signing_key = _text("Secret that signs local blob URLs; empty: generated into the data folder.")
    encryption_keys = _text(
        "Keys that encrypt stored bytes, `name:base64,…`, the first for new ones, or the path of a file of them;"
        " empty: bytes are not encrypted."
    )
    accept_bucket_encryption = _flag(
        "Let clients send bytes straight to a bucket while `encryption_keys` is set: the bucket alone encrypts them.",
        default=False,
    )
    nodes_secret = _text("Secret by which adapters, nodes and controllers know each other; needed for `nodes://`.")
    gcs_hmac_access_id = _text("Access id of the HMAC key that signs Cloud Storage URLs; empty: another signer.")
    gcs_hmac_secret = _text("Secret of that HMAC key.")
    storage_emulator_host = _text("Cloud Storage emulator, `http://host:port`; empty: Google's API.")
    s3_access_key_id = _text("Access key of the S3 server; empty: `AWS_ACCESS_KEY_ID`, or the machine's own role.")
    s3_secret_access_key = _text("Secret of that access key.")
    webhook_email = _text("Service account that signs Pub/Sub push requests; empty: signed pushes are rejected.")
    webhook_audience = _text("Audience of the push tokens; empty: `<public_url>/webhooks/gcs/pubsub`.")
    webhook_token = _text("Secret that a push may carry instead of a signed token; empty: rejected.")
    webhook_channel_token = _text("Secret of object change notifications, the older kind; empty: rejected.")
    webhook_s3_token = _text("Secret of the notifications of an S3 bucket; empty: rejected.")
    webhook_certs_url = _text(
        "URL of the keys that verify signed push tokens.",
        "https://www.googleapis.com/oauth2/v3/certs",
        validate=validate.Regexp(r"https?://\S+\Z", error="Must begin with http:// or https://."),
    )
    notifications_url = _text(
        "Queue from which the worker pulls notifications, `pubsub://PROJECT/SUBSCRIPTION`, or for an S3 bucket"
        " `broker://QUEUE?exchange=NAME`; empty: none."
    )
    gcs_project = _text("Google Cloud project of topic and subscriptions; empty: that of `notifications_url`.")
    pubsub_topic = _text(
        "Topic to which the bucket publishes; used by `files gcs setup`.",
        "files",
        validate=validate.Regexp(r"[A-Za-z][A-Za-z0-9._~+%-]{2,200}\Z", error="Not the name of a topic."),
    )
    pubsub_emulator_host = _text("Pub/Sub emulator, `host:port`; empty: Google's API.")
    metrics_http = _text(
        "Address on which `files worker`, `files rpc`, `files ingest-worker` and `files notifier` serve `/metrics`, "
        "`host:port`; empty: none.",
        validate=lambda value: _must_be_address(value) if value else None,
    )
    log_level = _text(
        "Minimum level of log messages.", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR"))
    )
    log_format = _text(
        "Form of the log: `json`, `text`, or `auto`, which is text on a terminal and JSON elsewhere.",
        "auto",
        validate=validate.OneOf(LOG_FORMATS),
    )
    trash_days = _number("Days after which a file in the trash is deleted.", 30, 1, 36_500)
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
        "Upload quota of an owner in bytes, over files and uploads; 0: unlimited. Accounts may have their own.",
        0,
        0,
        2**53 - 1,
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
    notice_channels = _text(
        "Channels of `files notifier`, `name=url …`, or the path of a file of them; empty: none. The addresses are "
        "secrets."
    )
    notice_services = _text(
        "Services whose addresses owners may choose as channels of their own, among discord, pover, slack and tgram, "
        "with blanks between; empty: none.",
        validate=_services,
    )
    notice_disk_percent = _number("Percentage of free space below which a disk is low.", 15, 0, 90)
    notice_disk_bytes = _number("Free bytes below which a disk is low.", 100 * 10**9, 0, 2**53 - 1)
    notice_digest_hour = _number("Hour of the daily digest, in UTC; -1: none.", 7, -1, 23)
    sweep_interval_seconds = _number("Seconds between two runs of the sweeper.", 60, 1, 86_400)
    inventory_interval_seconds = _number(
        "Seconds between two orphan scans of the blob store; 0: never.", 86_400, 0, 31_536_000
    )
    orphan_seconds = _number("Seconds that a blob without a record is kept.", 604_800, 0, 31_536_000)
    max_versions = _number("Most former contents of a file; the oldest without a label is pruned.", 100, 1, 1_000)
    kept_versions = _number("Former contents of a file that are kept however old they are.", 20, 0, 1_000)
    kept_versions_days = _number("Days for which the other former contents without a label are kept.", 180, 0, 36_500)
    scrub_days = _number(
        "Days within which the worker reads and hashes all stored bytes; 0: never. Cloud Storage charges for reading.",
        14,
        0,
        3_650,
    )
    media = _flag(
        "Read times and make previews of pictures and clips while processing, where the extra `media` is installed.",
        default=True,
    )
    development = _flag(
        "Serve what only those who change the pages need: `/docs/style`, all of their components.", default=False
    )
    rpc_timeout_seconds = _number("Seconds that a client waits for an answer.", 30, 1, 3_600)
    stop_timeout_seconds = _number("Seconds that a stopping process waits for requests in flight.", 30, 0, 3_600)


def read_config(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read the YAML file (by default the packaged one) and substitute environment variables. Raises BadSettings."""
    try:
        text = Path(path).read_text() if path else (files("files_service") / "config.yaml").read_text()
        document = _parsed(text)
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        place = f" in line {where.line + 1}, column {where.column + 1}" if where else ""
        raise BadSettings(f"cannot read the settings: {path}: {error.problem or error.context}{place}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadSettings(f"cannot read the settings: {error}") from error
    if not isinstance(document, dict):
        raise BadSettings("the settings are not a mapping")
    try:
        filled: dict[str, Any] = substitute(document, os.environ if environ is None else environ)
    except MissingVariable as error:
        raise BadSettings(str(error)) from error
    return filled


@lru_cache(maxsize=4)
def _parsed(text: str) -> object:
    return parse_yaml(text)


def unread_variables(path: str | Path | None, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return variables of the environment that look like settings and that nothing reads, with what to do instead."""
    environ = os.environ if environ is None else environ
    packaged = variables((files("files_service") / "config.yaml").read_text())
    read = variables(Path(path).read_text()) if path else packaged
    found = {
        name: f"{path} is read in the place of the packaged file, and does not name it"
        for name in sorted(packaged - read)
        if environ.get(name)
    }
    keys = {f"FILES_{key.upper()}": key for key in SettingsSchema().fields}
    for name, near in resembling(environ, packaged | read).items():
        if name in keys:
            found[name] = f"{keys[name]} is set in a file alone, see docs/settings.md"
        elif near:
            found[name] = f"did you mean {near}?"
    return found


def child_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process: ours plus the additions."""
    return {**os.environ, **additions}


def load_settings(config: Mapping[str, Any], *, make_secrets: bool = True) -> Settings:
    """Validate the settings and complete them; create the data folder and missing secrets.

    A client makes no secrets: those that are missing are "". Raises BadSettings that names the key at fault.
    """
    _check_top_level(config)
    try:
        ours: dict[str, Any] = _schema().load(_given(config.get("FILES") or {}))
    except ValidationError as error:
        faults = "; ".join(f"FILES.{key}: {' '.join(map(str, text))}" for key, text in error.messages_dict.items())
        raise BadSettings(faults) from error
    data_dir = Path(ours["data_dir"]).absolute()
    http = ours.pop("http")
    ours["http_host"], ours["http_port"] = host_and_port(http)
    if ours["operation_http"] == http:
        raise BadSettings("FILES.operation_http: must be another address than FILES.http; leave it empty")
    ours["data_dir"] = data_dir
    ours["metadata_url"] = ours["metadata_url"] or f"sqlite:///{quote(str(data_dir / 'files.db'))}"
    ours["blobs_url"] = ours["blobs_url"] or f"file://{quote(str(data_dir / 'blobs'))}"
    ours["public_url"] = (ours["public_url"] or f"http://{http}").rstrip("/")
    ours["trusted_proxies"] = networks(ours["trusted_proxies"])
    ours["failure_domains"] = _two_names(ours["failure_domains"])
    ours["allowed_content_types"] = tuple(ours["allowed_content_types"])
    ours["notice_services"] = tuple(ours["notice_services"].split())
    if ours["list_url"] and sync_name(ours["list_url"]) == sync_name(ours["metadata_url"]):
        raise BadSettings("FILES.list_url: must not be the metadata store itself; leave it empty")
    for pair in (("s3_access_key_id", "s3_secret_access_key"), ("gcs_hmac_access_id", "gcs_hmac_secret")):
        # One alone would leave another signer at work, or sign with an empty secret.
        if any(ours[name] for name in pair) and (missing := [name for name in pair if not ours[name]]):
            raise BadSettings(f"FILES.{missing[0]}: is empty, and the other half of the key is not; set both")
    try:
        generated = {name: ours[name] or kept_secret(data_dir, name, make=make_secrets) for name in _GENERATED}
    except UnkeptSecret as error:
        raise BadSettings(f"FILES.data_dir: {error}") from error
    ours |= generated
    try:
        ours["encryption_keys"] = secret_or_file(ours["encryption_keys"])
    except UnkeptSecret as error:
        raise BadSettings(f"FILES.encryption_keys: {error}") from error
    try:
        ours["notice_channels"] = secret_or_file(ours["notice_channels"])
    except UnkeptSecret as error:
        raise BadSettings(f"FILES.notice_channels: {error}") from error
    for name in (*_GENERATED, "nodes_secret", "webhook_token", "webhook_channel_token", "webhook_s3_token"):
        if ours[name] and len(ours[name]) < 32:
            raise BadSettings(f"FILES.{name}: must have at least 32 characters; create one with: openssl rand -hex 32")
    return Settings(amqp_uri=config.get("AMQP_URI") or "", **ours)


@lru_cache(maxsize=1)
def _schema() -> SettingsSchema:
    # To make one copies each of its fields: more than to load settings by it.
    return SettingsSchema()


def _given(section: Any) -> Any:
    """Drop keys without a value: nameko's own YAML reader turns an empty value into null."""
    return {key: value for key, value in section.items() if value is not None} if isinstance(section, dict) else section


def _check_top_level(config: Mapping[str, Any]) -> None:
    """Check what nameko reads, of which it refuses nothing. Raises BadSettings."""
    for key in map(str, config):
        if key in SettingsSchema().fields:
            raise BadSettings(f"{key}: belongs under FILES")
        if key not in _TOP_LEVEL and (near := nearest(key, _TOP_LEVEL)):
            raise BadSettings(f"{key}: Unknown field: did you mean {near}?")
    for key, least in (("max_workers", 1), ("HEARTBEAT", 0)):
        value = config.get(key)
        if value is not None and (not isinstance(value, int) or value < least):
            raise BadSettings(f"{key}: must be a whole number, at least {least}")

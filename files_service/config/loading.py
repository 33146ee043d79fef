"""Reading of the settings, once at the start of a process. Only this module reads ``os.environ``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from marshmallow import ValidationError

from files_service.config.schema import SettingsSchema
from files_service.config.settings import BadSettings, Settings
from files_service.runtime.addresses import host_and_port, networks
from files_service.runtime.data_folder import UnkeptSecret, kept_secret, secret_or_file
from files_service.runtime.strict_yaml import parse_yaml
from files_service.runtime.substitution import MissingVariable, nearest, resembling, substitute, variables
from storage_adapters import sync_name

_GENERATED = ("rpc_token", "jwt_secret", "signing_key")
_TOP_LEVEL = ("FILES", "AMQP_URI", "max_workers", "HEARTBEAT")


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
    keys = {f"FILES_{key.upper()}": key for key in _schema().fields}
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
        if key in _schema().fields:
            raise BadSettings(f"{key}: belongs under FILES")
        if key not in _TOP_LEVEL and (near := nearest(key, _TOP_LEVEL)):
            raise BadSettings(f"{key}: Unknown field: did you mean {near}?")
    for key, least in (("max_workers", 1), ("HEARTBEAT", 0)):
        value = config.get(key)
        if value is not None and (not isinstance(value, int) or value < least):
            raise BadSettings(f"{key}: must be a whole number, at least {least}")


def _two_names(text: str) -> tuple[str, str] | None:
    names = [name.strip() for name in text.split(",")] if text else []
    if names and (len(names) != 2 or not all(names)):
        raise BadSettings("FILES.failure_domains: must be two names with a comma between")
    return (names[0], names[1]) if names else None

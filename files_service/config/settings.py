"""The effective settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from files_service.runtime.addresses import Network


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

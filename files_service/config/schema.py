"""Schema of the settings: their names, defaults, limits and descriptions."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from files_service.domain.notice_addresses import SERVICES
from files_service.runtime.addresses import has_host, is_address, is_token, networks
from files_service.runtime.logs import LOG_FORMATS


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

"""``files doctor``: one line per configured part, with advice if it does not work."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

import click
import orjson

from files_service.cli.blob_checks import check_blobs
from files_service.cli.broker_checks import check_broker, fault_of_queue
from files_service.cli.finding import Finding
from files_service.cli.gateway_checks import answers, check_gateway, check_operation
from files_service.cli.gcs import desired_state_of, steps
from files_service.cli.key_checks import check_keys
from files_service.cli.media_checks import check_media
from files_service.cli.node_checks import check_nodes
from files_service.cli.notice_checks import check_notices
from files_service.cli.queue_checks import check_queue
from files_service.cli.s3 import bucket_steps
from files_service.cli.scrub import lost_bytes
from files_service.cli.secret_checks import check_receipts, check_secrets
from files_service.cli.session import Failed, Session
from files_service.cli.token_checks import check_tokens
from files_service.config import Settings
from files_service.runtime.addresses import EVERYWHERE
from files_service.runtime.clock import now_ms
from files_service.runtime.data_folder import make_private
from files_service.runtime.terminal import echo, printable, writing_output
from files_service.services.listing.list_store import being_built, read_first_page
from files_service.services.listing.sync_progress import MOST_COUNTED, fault_of, lag_of
from storage_adapters import (
    CopySource,
    MetadataStore,
    SchemaMismatch,
    StorageError,
    StorageUnavailable,
    SupportsMigrations,
    UnknownStore,
    capabilities,
    open_metadata_store,
    open_store_of_any_schema,
)

LEAST_FREE_BYTES = 2**30
LONGEST_LAG_SECONDS = 60
START_SYNCER = "Start the syncer: `files up` runs one while FILES_LIST_WRITES is on; or run: python -m syncer run."
BUILDING = "Wait: the running syncer builds them in turn. Until then the metadata store answers what needs them."
COPIES = "It copies everything first."
FILL_ANEW = (
    "A running syncer fills a list store that is empty or older. If its log says that it stopped: restore the right"
    " store, or run: python -m syncer backfill --accept-empty-source"
)
BEGIN_ANEW = (
    "Restore the metadata store, or go on without its files: files migrate up, then: python -m syncer backfill"
    " --accept-empty-source"
)

SERVER = "Correct FILES_METADATA_URL, or start the server that it names."
FILE = (
    "Give folder and database to the user of the service, free some space, or restore a damaged one from its backup;"
    " or correct FILES_METADATA_URL."
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def doctor(session: Session, *, as_json: bool) -> None:
    """Check each configured part and say how to fix failures.

    The exit status is 1 when a part does not work.
    """
    from rich.console import Console

    found = findings(session)
    console = Console(highlight=False, soft_wrap=True)
    with writing_output():
        for finding in found:
            if as_json:
                echo(orjson.dumps({**asdict(finding), "ok": finding.ok}))
            else:
                sign = "[green]✓[/green]" if finding.ok else "[red]✗[/red]"
                console.print(f"{sign} {finding.part:<9} ", end="")
                console.print(printable(finding.text), markup=False)
                if finding.advice:
                    console.print(f"            → {printable(finding.advice)}", markup=False)
    if not all(finding.ok for finding in found):
        raise SystemExit(1)


def findings(session: Session) -> list[Finding]:
    """Run all checks; without valid settings, only the settings, and with a token alone those of a client."""
    try:
        client = session.client_settings
        if client.token and not client.signing_key:
            return [check(client) for check in (_client, check_gateway, check_tokens)]
        settings = session.settings
    except Failed as error:
        text, _, advice = error.message.partition("\n")
        return [Finding("settings", text, advice or "docs/settings.md describes every key.")]
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _settings,
        _folder,
        check_secrets,
        check_receipts,
        _space,
        _metadata,
        _lists,
        check_blobs,
        _keys,
        _bytes,
        _notifications,
        check_broker,
        check_queue,
        check_gateway,
        check_operation,
        check_tokens,
        check_media,
        check_nodes,
        check_notices,
    )
    return [check(settings) for check in checks]


def _client(settings: Settings) -> Finding:
    """Say that nothing of the service itself is here; no secrets are made, which would be those of another one."""
    return Finding("settings", f"a client of {settings.public_url}; the service is checked in its own folder")


def _settings(settings: Settings) -> Finding:
    text = f"data folder {settings.data_dir}; URLs begin with {settings.public_url}"
    if urlsplit(settings.public_url).hostname in EVERYWHERE:
        return Finding("settings", text, "Set FILES_PUBLIC_URL to the address at which clients reach the gateway.")
    return Finding("settings", text)


def _folder(settings: Settings) -> Finding:
    try:
        make_private(settings.data_dir)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            pass
    except OSError as error:
        text = f"cannot write to {settings.data_dir}: {error.strerror}"
        return Finding("folder", text, "Give the folder to the user that runs the service, or set FILES_DATA_DIR.")
    return Finding("folder", f"{settings.data_dir} is writable")


def _space(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    text = f"{free / 2**30:.1f} GiB free in {settings.data_dir}"
    if free < LEAST_FREE_BYTES:
        return Finding("space", text, "Free some space: uploads fail with insufficient_storage when the disk is full.")
    return Finding("space", text)


@contextmanager
def _opened(url: str) -> Iterator[tuple[MetadataStore, bool]]:
    """Open a store without a change to it; yield it, and True when the service has not made it yet."""
    if url.partition(":")[0] == "memory":
        with closing(open_metadata_store(url)) as store:
            yield store, False
        return
    found = open_store_of_any_schema(url)
    with closing(cast(MetadataStore, found)) as store:
        schema = found.schema()
        if not schema.empty and schema.found != schema.known:
            raise SchemaMismatch(url.partition(":")[0], found=schema.found, known=schema.known)
        if schema.empty and url.startswith("sqlite:"):
            _try_folder(Path(unquote(urlsplit(url).path.removeprefix("/"))))
        yield store, schema.empty


def _try_folder(path: Path) -> None:
    """Return when a file can be made in the nearest folder of a path. Raises StorageUnavailable."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise StorageUnavailable(f"sqlite: cannot write to {folder}: {error.strerror}") from error


def _metadata(settings: Settings) -> Finding:
    try:
        with _opened(settings.metadata_url) as (store, is_new):
            name = type(store).__name__
            if is_new and answers(settings):
                text = f"{name} is empty, and the service runs: it was emptied, or the URL is another one"
                return Finding("metadata", text, "Restore it, or begin anew: files migrate up. Or correct the URL.")
            if is_new:
                return Finding("metadata", f"{name} is not set up yet: the service does it when it starts")
            store.ping()
            mark = f", Unicode {store.unicode_version()}" if isinstance(store, SupportsMigrations) else ""
            return Finding("metadata", f"{name}: {', '.join(capabilities(store))}{mark}")
    except (UnknownStore, StorageError) as error:
        return Finding("metadata", str(error), FILE if settings.metadata_url.startswith("sqlite:") else SERVER)


def _keys(settings: Settings) -> Finding:
    try:
        with _opened(settings.metadata_url) as (store, is_new):
            return check_keys(settings, None if is_new else store)
    except (UnknownStore, StorageError) as error:
        return Finding("keys", str(error), "See `metadata`.")


def _lists(settings: Settings) -> Finding:
    if not settings.list_url:
        return Finding("lists", "answered by the metadata store (FILES_LIST_URL is empty)")
    try:
        with _opened(settings.list_url) as (store, is_new), _opened(settings.metadata_url) as (primary, is_lost):
            if not is_new and is_lost and store.usage(None).total.files:
                return Finding(
                    "lists", "the metadata store is empty or not set up, and the list store has files", BEGIN_ANEW
                )
            if is_new or is_lost:
                return Finding("lists", f"{type(store).__name__} has never been filled", f"{START_SYNCER} {COPIES}")
            store.ping()
            if fault := fault_of(cast(CopySource, primary), store, settings.list_url):
                return Finding("lists", f"{fault}; the metadata store answers lists", FILL_ANEW)
            if building := being_built(store):
                return Finding("lists", f"{type(store).__name__}: {building}", BUILDING)
            read_first_page(store)
            return _lag(settings, store, primary)
    except (UnknownStore, StorageError) as error:
        advice = "Correct FILES_LIST_URL, or start its server; until then the metadata store answers lists."
        return Finding("lists", str(error), advice)


def _lag(settings: Settings, store: MetadataStore, primary: MetadataStore) -> Finding:
    name = type(store).__name__
    lag = lag_of(cast(CopySource, primary), settings.list_url)
    if lag is None:
        return Finding("lists", f"{name} has never been filled", f"{START_SYNCER} {COPIES}")
    if not lag.changes:
        return Finding("lists", f"{name} is up to date")
    seconds = max(0, now_ms() - lag.oldest_at) / 1000
    count = f"{lag.changes} or more" if lag.changes == MOST_COUNTED else f"{lag.changes}"
    text = f"{name} lacks {count} changes, the oldest {seconds:.0f} s old"
    return Finding("lists", text, START_SYNCER if seconds > LONGEST_LAG_SECONDS else "")


def _bytes(settings: Settings) -> Finding:
    try:
        with _opened(settings.metadata_url) as (store, is_new):
            return Finding("bytes", *(("nothing was read yet", "") if is_new else lost_bytes(store, settings)))
    except (UnknownStore, StorageError) as error:
        return Finding("bytes", str(error), "See `metadata`.")


def _notifications(settings: Settings) -> Finding:
    """Check that the bucket reports completed uploads; a store behind the gateway needs no notifications."""
    part = "webhook"
    if fault := fault_of_queue(settings):
        return Finding(part, *fault)
    if settings.blobs_url.startswith("s3:"):
        return _bucket(settings)
    if not settings.blobs_url.startswith("gs:"):
        return Finding(part, "not needed: the gateway serves the blob store")
    try:
        # The allowed origins are the operator's choice; only the presence of a CORS rule is checked.
        wanted = desired_state_of(settings)
    except Failed as error:
        text, _, advice = error.message.partition("\n")
        return Finding(part, text, advice)
    found = list(steps(settings, wanted, dry_run=True))
    broken = [step for step in found if step.state == "failed"]
    if broken:
        text = "; ".join(f"{step.name}: {step.text}" for step in broken)
        return Finding(part, f"cannot check: {text}", "Let the service account read the configuration.")
    missing = [step.name for step in found if step.state == "due"]
    if missing:
        return Finding(part, f"missing or different: {', '.join(missing)}", "Run: files gcs setup")
    bucket = next(step.text for step in found if step.name == "bucket")
    return Finding(part, f"gs://{wanted.bucket} reports uploads to {wanted.topic_name}; {bucket}")


def _bucket(settings: Settings) -> Finding:
    """Check the rules of an S3 bucket; completion needs no notifications, which only make it faster."""
    found = list(bucket_steps(settings, dry_run=True))
    broken = [f"{step.name}: {step.text}" for step in found if step.state == "failed"]
    if broken:
        return Finding("webhook", f"the bucket: {'; '.join(broken)}", "See docs/operations.md, S3.")
    missing = [step.name for step in found if step.state == "due"]
    if missing:
        return Finding("webhook", f"missing or different: {', '.join(missing)}", "Run: files s3 setup")
    ways = {"notifications": settings.webhook_s3_token, "events of the broker": settings.notifications_url}
    used = [way for way, setting in ways.items() if setting]
    by = " and ".join(
        [*used, "the sweeper"]
        if used
        else ["the sweeper (FILES_WEBHOOK_S3_TOKEN and FILES_NOTIFICATIONS_URL are empty)"]
    )
    return Finding("webhook", f"the bucket is set up; uploads are completed by {by}")

"""``files ingest``: one memory card, from its listing to its verdict."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
import orjson

from files_service.cli.card_progress import BarProgress, JsonProgress, PlainProgress, bars, card_name, shown_plan
from files_service.cli.card_service import ADVICE, card_service
from files_service.cli.remote import DEFAULT_OWNER
from files_service.cli.session import Failed, Session
from files_service.domain.sizes import number_of, shown_size
from files_service.errors import NotSupported, Unauthorized
from files_service.ingest.config import BadConfig, load_config, state_folder
from files_service.ingest.database import DatabaseError
from files_service.ingest.identity import identify
from files_service.ingest.listing import CardUnlistable
from files_service.ingest.options import Ending, Options, Outcome
from files_service.ingest.progress import Progress
from files_service.ingest.reader import DeviceGone
from files_service.ingest.run import run_card
from files_service.ingest.survey import Survey, survey
from files_service.ingest.transports.opening import TRANSPORTS
from files_service.runtime.terminal import echo

EXIT_STATUS = {Ending.COMPLETE: 0, Ending.PARTLY_FAILED: 3, Ending.INTERRUPTED: 4, Ending.REFUSED: 5}


@click.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--full", is_flag=True, help="Read all bytes, of known files too, and compare them.")
@click.option(
    "--verify",
    type=click.Choice(["card", "copies"]),
    default="card",
    show_default=True,
    help="card: read the card a second time after the upload; copies: read the stored copies alone.",
)
@click.option("--clock-offset", metavar="SECONDS", type=float, default=0, help="What to add to the camera's clock.")
@click.option("--folder", help="Folder of the files at the service. Default: by the card and the day.")
@click.option("--transport", type=click.Choice(TRANSPORTS), default=TRANSPORTS[0], show_default=True)
@click.option(
    "--owner",
    default=DEFAULT_OWNER,
    show_default=True,
    help="Owner, in the folder of the service, where FILES_TOKEN is not set.",
)
@click.option(
    "--wait-seconds", type=click.IntRange(0), default=86_400, show_default=True, help="Seconds to wait for the verdict."
)
@click.option("--plain", is_flag=True, help="Print lines and no bars.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each event.")
@click.pass_obj
def ingest(
    session: Session,
    path: Path,
    *,
    dry_run: bool,
    full: bool,
    verify: str,
    clock_offset: float,
    folder: str | None,
    transport: str,
    owner: str,
    wait_seconds: int,
    plain: bool,
    as_json: bool,
) -> None:
    """Send the files of a memory card, or of a folder as if it were one, and print the verdict.

    Nothing on the card is written. What the service has is not sent again. An interrupted run is continued by the next
    one. Exit status: 0 complete, 3 partly failed, 4 interrupted, 5 refused.
    """
    with refusals():
        card, config = identify(path), load_config()
        service = card_service(session.client_settings, config, owner)
        service.read_token()
        if dry_run:
            _show_survey(survey(card, service), as_json=as_json)
            return
    with shown(plain=plain, as_json=as_json) as progress, stopping() as stop:
        options = Options(
            verify=verify,
            full=full,
            clock_offset_ms=round(clock_offset * 1_000),
            folder=folder,
            transport=transport,
            amqp_uri=session.client_settings.amqp_uri,
            verdict_seconds=wait_seconds,
            progress=progress,
            stop=stop,
            wait_for_token=False,
        )
        with refusals():
            outcome = run_card(card, options, service)
    _show_outcome(outcome, as_json=as_json)
    sys.exit(EXIT_STATUS[outcome.ending])


class CardRefused(Failed):
    """A card that cannot be read, or a service that cannot be asked."""

    exit_code = EXIT_STATUS[Ending.REFUSED]


def _unusable_state(reason: str) -> CardRefused:
    advice = "Make room there, or move its cards.sqlite away: complete files are known without it."
    return CardRefused(f"cannot use the folder {state_folder()}: {reason}", advice)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn faults from before the first byte into failures with advice."""
    try:
        yield
    except DatabaseError as error:
        raise _unusable_state(str(error)) from error
    except OSError as error:
        reason = str(error.strerror or error)
        if error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(state_folder()):
            raise _unusable_state(reason) from error
        raise CardRefused(f"cannot read the card: {reason}") from error
    except (CardUnlistable, DeviceGone, BadConfig, NotSupported) as error:
        raise CardRefused(str(error)) from error
    except Unauthorized as error:
        raise CardRefused(str(error), ADVICE) from error


@contextmanager
def shown(*, plain: bool, as_json: bool) -> Iterator[Progress]:
    """Show progress for the duration of the block: bars on a terminal."""
    if as_json:
        yield JsonProgress()
    elif plain or not sys.stderr.isatty():
        yield PlainProgress()
    else:
        with bars() as all_bars:
            yield BarProgress(all_bars)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Set an event at the first signal that ends the process; a second one ends it at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, former[signal.Signals(number)])

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _show_outcome(outcome: Outcome, *, as_json: bool) -> None:
    verdict = outcome.verdict or {}
    if as_json:
        said = {
            "event": "verdict",
            "ending": outcome.ending,
            "reason": outcome.reason,
            "session_id": (outcome.session or {}).get("session_id"),
            "uploaded": outcome.uploaded,
            "known": outcome.known,
            "failed": len(outcome.failed),
            "sent_bytes": outcome.sent_bytes,
            "read_bytes": outcome.read_bytes,
            "verdict": verdict or None,
        }
        echo(orjson.dumps(said).decode())
        return
    echo(f"{outcome.uploaded} new, {outcome.known} known, {len(outcome.failed)} failed")
    if outcome.ending in (Ending.INTERRUPTED, Ending.REFUSED):
        again = " Run the command again to continue." if outcome.ending is Ending.INTERRUPTED else ""
        echo(f"{outcome.ending.upper()}: {outcome.reason}.{again}")
    elif verdict.get("text"):
        echo(verdict["text"])
    elif outcome.failed:
        first = outcome.failed[0]
        echo(f"NOT SAFE: {first.path} is {first.state}: {first.reason or 'no reason'}")
    else:
        state = (outcome.session or {}).get("state")
        echo(f"NO VERDICT YET: the session is {state}. Do not format the card.")


def _show_survey(found: Survey, *, as_json: bool) -> None:
    if as_json:
        echo(orjson.dumps(found.to_wire()).decode())
        return
    plan, card = found.plan, found.plan.card
    echo(f"{card_name(card)} ({card.card_id[:8]}): {shown_plan(len(plan.files), plan.clips, plan.size)}")
    for name, files in found.clips:
        known = sum(file.path in found.known for file in files)
        size = shown_size(sum(file.size for file in files))
        echo(f"  {name}: {number_of(len(files), 'file')}, {size}{f', {known} known' if known else ''}")
    for path in plan.junk:
        echo(f"  left out as junk: {path}")
    echo(found.summary)

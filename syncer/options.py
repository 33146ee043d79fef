"""Options that the commands share, and the exit status that each of their errors becomes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import partial, wraps
from typing import Any

import click

from files_service.runtime.logs import LOG_FORMATS, configure_logging, redact
from files_service.runtime.terminal import echo
from storage_adapters import CheckpointConflict, StorageUnavailable, UnknownStore
from syncer.guard import SourceRefused
from syncer.metrics import Metrics
from syncer.pair import Pair, SourceStore, Unsuitable, open_pair, open_source
from syncer.retry import Retry, Stopped
from syncer.signals import stop_by_signal
from syncer.syncer import LeaseHeld


class Exit(IntEnum):
    """Exit statuses of the process."""

    DONE = 0
    DIFFERENT = 1
    USAGE = 2
    UNAVAILABLE = 3
    LEASE_HELD = 4
    STOPPED = 5
    REFUSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of every command."""

    source: str
    target: str
    log_level: str
    log_format: str
    as_json: bool
    metrics: tuple[str, int] | None

    @contextmanager
    def open(self, *, patience: float | None, making: bool = False) -> Iterator[tuple[Pair, Metrics, Retry]]:
        """Open the stores, waiting for them as long as the patience lasts; close them in the end.

        With ``making``, a target that is new is made.
        """
        configure_logging(self.log_level, self.log_format)
        metrics = Metrics()
        retry = Retry(stop_by_signal(), patience_seconds=patience, on_failure=metrics.fail)
        if self.metrics is not None:
            try:
                metrics.serve(*self.metrics)
            except OSError as error:
                raise click.UsageError(f"--metrics: {error}") from error
        pair = retry.call(lambda: open_pair(self.source, self.target, making=making))
        yield pair, metrics, retry
        # Behind an error a write may still be under way: then the end of the process closes them.
        pair.close()

    @contextmanager
    def open_source(self) -> Iterator[SourceStore]:
        """Open the source alone; close it in the end."""
        configure_logging(self.log_level, self.log_format)
        source = open_source(self.source)
        yield source
        source.close()


def _address(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter("is HOST:PORT")
    return host.strip("[]"), int(port)


# What is missing is named with its variable.
_url = partial(click.option, required=True, show_envvar=True)


def command(function: Callable[..., int]) -> Callable[..., None]:
    """Add the common options to a command, and turn its exceptions into an exit status."""

    @_url("--source", envvar="FILES_METADATA_URL", help="URL of the store to copy.")
    @_url("--target", envvar="FILES_LIST_URL", help="URL of the store that is the copy.")
    @click.option("--log-level", default="INFO", envvar="FILES_LOG_LEVEL", show_default=True, help="Least level.")
    @click.option("--log-format", type=click.Choice(LOG_FORMATS), default="auto", envvar="FILES_LOG_FORMAT")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
    @click.option("--metrics", callback=_address, help="HOST:PORT at which to serve metrics for Prometheus.")
    @wraps(function)
    def wrapped(**given: Any) -> None:
        options = Options(**{name: given.pop(name) for name in Options.__slots__})
        try:
            status = function(options, **given)
        except (UnknownStore, Unsuitable) as error:
            raise click.UsageError(redact(str(error))) from error
        except StorageUnavailable as error:
            status = _complain(Exit.UNAVAILABLE, str(error))
        except (LeaseHeld, CheckpointConflict):
            status = _complain(
                Exit.LEASE_HELD, "another syncer holds the lease; `files up` runs one while FILES_LIST_URL is set"
            )
        except SourceRefused as error:
            status = _complain(Exit.REFUSED, str(error))
        except Stopped:
            status = _complain(Exit.STOPPED, "stopped before the end")
        sys.exit(status)

    return wrapped


def _complain(status: Exit, text: str) -> Exit:
    echo(f"syncer: {redact(text)}", err=True)
    return status


PATIENCE = click.option("--patience", default=60.0, show_default=True, help="Seconds to wait for a store that is away.")
RATE = click.option("--rate", type=click.FloatRange(min=1), help="Files a second that a backfill copies at most.")
WAIT = click.option(
    "--wait", "wait_seconds", default=30.0, show_default=True, help="Seconds to wait for what is on its way."
)
ACCEPT = click.option(
    "--accept-empty-source",
    "accepted",
    is_flag=True,
    help="Take the source as it is now, whatever the target says, and remove from the target what it does not have.",
)
FULL = click.option("--full", is_flag=True, help="Compare every file, whatever the sums say.")

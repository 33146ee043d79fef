"""``files migrate``: ``python -m migrations`` for the configured metadata store."""

from __future__ import annotations

import os
import sys

import click

from files_service.cli.session import Session
from files_service.config import child_environment

# What is said about usage has the name of this command.
_MAIN = "from migrations.cli import main; main('files migrate')"


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND [OPTIONS]")
@click.pass_obj
def migrate(session: Session, arguments: tuple[str, ...]) -> None:
    """Migrate the metadata store: status, plan, up, down, verify, repair, steps, import-ms-files.

    `files migrate --help` lists all options; docs/migrations.md describes them.
    """
    # Pass the URL in the environment: it may hold a password, and other users can read a command line.
    environment = child_environment({"FILES_METADATA_URL": session.settings.metadata_url})
    # Replace this process, so that signals and the exit status are those of the migration.
    os.execve(sys.executable, [sys.executable, "-c", _MAIN, *arguments], environment)  # noqa: S606 - our own

"""``files migrate``: the migrations of the store that the settings name, as ``python -m migrations`` runs them."""

from __future__ import annotations

import os
import sys

import click

from files_service.cli.session import Session
from files_service.config import child_environment


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND [OPTIONS]")
@click.pass_obj
def migrate(session: Session, arguments: tuple[str, ...]) -> None:
    """Change the metadata store: status, plan, up, down, verify, repair, steps, import-ms-files.

    `files migrate --help` shows them all; docs/migrations.md describes them.
    """
    # By the environment, since everybody may read a command line, and the URL may hold a password.
    environment = child_environment({"FILES_METADATA_URL": session.settings.metadata_url})
    # This process becomes the other, so that signals and the exit status are its own.
    os.execve(sys.executable, [sys.executable, "-m", "migrations", *arguments], environment)  # noqa: S606 - our own

"""The ``files`` command. Each command is a module, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from files_service.cli.session import Session, failure_of
from files_service.errors import FilesError

# The module of each command, in the order of the help. A process imports its own command alone: the libraries of the
# others are half a second of processor at every start.
MODULES = {
    "up": "up",
    "rpc": "processes",
    "gateway": "processes",
    "worker": "processes",
    "ingest-worker": "ingest_worker",
    "controller": "controller",
    "node": "node",
    "notifier": "notifier",
    "notify": "notifier",
    "call": "call",
    "put": "put",
    "ingest": "ingest",
    "watch": "watch",
    "ls": "ls",
    "get": "get",
    "rm": "rm",
    "mkdir": "mkdir",
    "mv": "mv",
    "token": "token",
    "account": "account",
    "tenant": "account",
    "share": "share",
    "analytics": "analytics",
    "versions": "versions",
    "doctor": "doctor",
    "scrub": "scrub",
    "encrypt": "keys",
    "rotate-keys": "keys",
    "mirror": "mirror",
    "nodes": "nodes",
    "sessions": "sessions",
    "export": "export",
    "verify-receipt": "receipts",
    "migrate": "migrate",
    "gcs": "gcs",
    "s3": "s3",
}


class Commands(click.Group):
    """The commands of ``MODULES``, each an attribute of its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is none of this name."""
        if cmd_name not in MODULES:
            return None
        command: click.Command = getattr(
            import_module(f"files_service.cli.{MODULES[cmd_name]}"), cmd_name.replace("-", "_")
        )
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and print the error that the service answers to it."""
        try:
            return super().invoke(ctx)
        except FilesError as error:
            raise failure_of(error) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    metavar="PATH",
    help="Settings file. Default: the packaged file, which reads the environment.",
)
@click.version_option(package_name="files-service", prog_name="files")
@click.pass_context
def cli(context: click.Context, config: str | None) -> None:
    """Store media files: run the service, call it, and check it."""
    context.obj = Session(config)


def main() -> None:
    """Run the command line."""
    cli(prog_name="files")

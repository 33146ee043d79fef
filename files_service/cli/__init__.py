"""The ``files`` command. Each command is a module; its dependencies are imported when it runs."""

from __future__ import annotations

import click

from files_service.cli.call import call
from files_service.cli.doctor import doctor
from files_service.cli.gcs import gcs
from files_service.cli.get import get
from files_service.cli.ls import ls
from files_service.cli.migrate import migrate
from files_service.cli.processes import gateway, rpc, worker
from files_service.cli.put import put
from files_service.cli.rm import rm
from files_service.cli.session import Session
from files_service.cli.token import token
from files_service.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (up, rpc, gateway, worker, call, put, ls, get, rm, token, doctor, migrate, gcs):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    cli(prog_name="files")

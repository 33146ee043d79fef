"""Steps that set a bucket up: their common option, and their report."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import click

from files_service.config import Settings
from files_service.runtime.terminal import echo
from storage_adapters import SetupStep

_SIGNS = {"ok": "✓", "done": "+", "due": "…", "failed": "✗"}

origin_option = click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Origin that may use signed URLs; repeatable. Without it a CORS rule that is there stays; a bucket without one"
    " admits the origin of FILES_PUBLIC_URL, or any origin while that is an address of this machine alone.",
)


def default_origins(settings: Settings) -> tuple[str, ...]:
    """Return the origins that a bucket without a CORS rule admits: that of the pages, else any."""
    parts = urlsplit(settings.public_url)
    # The default address says nothing about the place of the pages.
    return ("*",) if _is_local(parts.hostname or "") else (f"{parts.scheme}://{parts.netloc}",)


def report(steps: Iterable[SetupStep]) -> None:
    """Take the steps and print each one. Raises SystemExit with 1 in the end when one failed."""
    failed = False
    for step in steps:
        echo(f"{_SIGNS[step.state]} {step.name}: {step.text}")
        failed = failed or step.state == "failed"
    if failed:
        raise SystemExit(1)


def _is_local(host: str) -> bool:
    """Return True for a host that names no machine but this one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "localhost")
    return address.is_loopback or address.is_unspecified

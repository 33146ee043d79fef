"""``files analytics``: the storage of an owner, a tenant or all, from the running gateway."""

from __future__ import annotations

from typing import Any

import click

from files_service.cli.remote import Remote
from files_service.cli.session import Session
from files_service.domain.sizes import number_of
from files_service.runtime.terminal import echo


@click.command()
@click.option("--owner", help="Owner. Default: the token's, else me.")
@click.option("--tenant", help='Tenant instead of an owner; "" is the default one.')
@click.option("--all", "everything", is_flag=True, help="All files.")
@click.pass_obj
def analytics(session: Session, owner: str | None, tenant: str | None, *, everything: bool) -> None:
    """Print used bytes, the quota, and files by kind."""
    remote = Remote(session.client_settings)
    about: dict[str, Any] = {"tenant": tenant} if tenant is not None else {}
    if not about and not everything:
        about = {"owner": owner or remote.owner}
    storage = remote.call("analytics.storage", {**about, "days": 1})
    kinds = remote.call("analytics.file_types", about)["by_kind"]
    quota = f" of {storage['quota']}" if storage["quota"] else ""
    echo(f"{storage['used']}{quota} bytes used by {number_of(storage['count'], 'file')}")
    rows = {"trash": storage["trash"], "versions": storage["versions"], **kinds}
    for name, found in rows.items():
        if found["count"]:
            echo(f"{name}  {found['count']}  {found['bytes']}")

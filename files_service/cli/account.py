"""``files account`` and ``files tenant``: people, in the store of the settings; no running service is needed."""

from __future__ import annotations

from typing import Any

import click

from files_service.api import METHODS
from files_service.cli.session import Failed, Session
from files_service.core import Core
from files_service.domain.accounts import Role, name_and_tenant, owner_of_name
from files_service.domain.quotas import MAX_QUOTA
from files_service.domain.shares import MAX_DAYS
from files_service.runtime.terminal import echo
from files_service.services.accounts.tenants import require_tenant
from files_service.services.opening import tenant_keys
from storage_adapters import JSON

_TENANT = click.option("--tenant", default="", help="Tenant. Default: the one without a name.")
_ROLES = click.Choice([role.value for role in Role])


@click.group()
def account() -> None:
    """Manage the people who sign in."""


@click.group()
def tenant() -> None:
    """Manage tenants: groups of people that know nothing of each other."""


@account.command()
@click.argument("name")
@click.option("--role", type=_ROLES, default=Role.USER.value, show_default=True, help="What the account may do.")
@_TENANT
@click.pass_obj
def create(session: Session, name: str, role: str, tenant: str) -> None:
    """Create an account and print the link by which its person sets a password.

    Files that the owner NAME has already become those of the account.
    """
    with session.core(making=True) as core:
        made = _call(core, "accounts.create", name=name, role=role, tenant=tenant)
        echo(f"created {made['owner']}; set the password within an hour at")
        echo(reset_link(core, made["reset"]["code"]))


@account.command("list")
@_TENANT
@click.pass_obj
def list_accounts(session: Session, tenant: str) -> None:
    """Print the accounts of a tenant: owner, role, state."""
    with session.core() as core:
        cursor = None
        while True:
            page = _call(core, "accounts.list", tenant=tenant, cursor=cursor)
            for each in page["accounts"]:
                state = "active" if each["has_password"] else "without password"
                if each["disabled"]:
                    state = "disabled" if each["deleted_at"] is None else "deleted"
                echo(f"{each['owner']}  {each['role']}  {state}")
            cursor = page["next_cursor"]
            if cursor is None:
                return


@account.command()
@click.argument("name")
@click.option("--undo", is_flag=True, help="Enable the account again.")
@click.pass_obj
def disable(session: Session, name: str, *, undo: bool) -> None:
    """Disable an account, NAME or NAME@TENANT: its sessions and keys end at once."""
    with session.core() as core:
        made = _call(core, "accounts.update", owner=_owner(name), disabled=not undo)
        echo(f"{'enabled' if undo else 'disabled'} {made['owner']}")


@account.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(session: Session, name: str, *, yes: bool) -> None:
    """Delete an account, NAME or NAME@TENANT: its sessions, keys and links end at once, its files go after 14 days.

    Until then `files account disable --undo NAME` brings it back.
    """
    if not yes:
        click.confirm(f"delete the account {name} and, after 14 days, its files?", abort=True)
    with session.core() as core:
        echo(f"deleted {_call(core, 'accounts.delete', owner=_owner(name))['owner']}; its files go after 14 days")


@account.command("quota")
@click.argument("name")
@click.argument("quota", type=click.IntRange(0, MAX_QUOTA), metavar="BYTES")
@click.pass_obj
def set_quota(session: Session, name: str, quota: int) -> None:
    """Set the quota of an account, NAME or NAME@TENANT; 0: that of the settings."""
    with session.core() as core:
        made = _call(core, "accounts.set_quota", owner=_owner(name), quota_bytes=quota)
        echo(f"{made['owner']} may have {_shown(made['quota_bytes'] or core.settings.owner_quota_bytes)}")


@account.command("reset-link")
@click.argument("name")
@click.pass_obj
def reset(session: Session, name: str) -> None:
    """Print a link by which a person sets a new password, once and within an hour."""
    with session.core() as core:
        echo(reset_link(core, _call(core, "accounts.reset", owner=_owner(name))["code"]))


@tenant.command("create")
@click.argument("name")
@click.pass_obj
def create_tenant(session: Session, name: str) -> None:
    """Create a tenant."""
    with session.core(making=True) as core:
        echo(f"created {_call(core, 'accounts.create_tenant', name=name)['name']}")


@tenant.command("list")
@click.pass_obj
def list_tenants(session: Session) -> None:
    """Print the names of the tenants."""
    with session.core() as core:
        for each in _call(core, "accounts.list_tenants")["tenants"]:
            echo(each["name"])


@tenant.command("quota")
@click.argument("name")
@click.argument("quota", type=click.IntRange(0, MAX_QUOTA), metavar="BYTES")
@click.pass_obj
def set_tenant_quota(session: Session, name: str, quota: int) -> None:
    """Set the quota that all accounts of a tenant have together; 0: none. NAME "" is the default tenant."""
    with session.core() as core:
        made = _call(core, "accounts.set_tenant_quota", tenant=name, quota_bytes=quota)
        echo(f"{made['name'] or 'the default tenant'} may have {_shown(made['quota_bytes'])}")


@tenant.command("policy")
@click.argument("name", default="")
@click.option("--password/--no-password", "require_password", default=None, help="Make no link without a password.")
@click.option("--default-days", type=click.IntRange(0, MAX_DAYS), help="Life of a link whose owner chooses none.")
@click.option("--max-days", type=click.IntRange(0, MAX_DAYS), help="Longest life of a link.")
@click.option("--kept-versions", type=click.IntRange(-1, 1_000), help="Former contents kept at any age; -1: settings.")
@click.option("--kept-versions-days", type=click.IntRange(-1, MAX_DAYS), help="Days for older ones; -1: settings.")
@click.pass_obj
def policy(session: Session, /, name: str, **rules: Any) -> None:
    """Print, or change, the rules of a tenant for its links and versions; 0 days of a link are no limit.

    Without NAME, the rules are those of the tenant without a name.
    """
    given = {rule: value for rule, value in rules.items() if value is not None}
    changes = {rule: None if _is_unset(rule, value) else value for rule, value in given.items()}
    with session.core() as core:
        if changes:
            _call(core, "shares.set_policy", tenant=name, changes=changes)
        found = _call(core, "shares.policy", tenant=name)
        password = "required" if found["require_password"] else "as the owner likes"
        default, most = (found[rule] or "any" for rule in ("default_days", "max_days"))
        echo(f"password {password}  default {default} days  most {most} days")
        kept, days = (found[rule] for rule in ("kept_versions", "kept_versions_days"))
        if kept is not None or days is not None:
            said = ["as in the settings" if each is None else str(each) for each in (kept, days)]
            echo(f"versions kept at any age {said[0]}  days for older ones {said[1]}")


@tenant.command("delete-key")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete_key(session: Session, name: str, *, yes: bool) -> None:
    """Delete the key of a tenant: nobody can read its encrypted bytes any more, for ever.

    Backups of the metadata store may still have the key.
    """
    with session.core() as core:
        keys = tenant_keys(core.settings, core.metadata)
        if keys is None:
            raise Failed("encryption is off: FILES_ENCRYPTION_KEYS is empty", "docs/operations.md describes it.")
        require_tenant(core, name)
        if not yes:
            click.confirm(f"make all bytes of the tenant {name} unreadable for ever?", abort=True)
        echo(f"deleted the key of {name}" if keys.delete(name) else f"{name} has no key")


def _is_unset(rule: str, value: Any) -> bool:
    """Return True for the number by which a rule is taken back."""
    return value is not False and value == (-1 if rule.startswith("kept") else 0)


def reset_link(core: Core, code: str) -> str:
    """Return the address at which a code sets a password. Browsers send no server the part behind "#"."""
    return f"{core.settings.public_url}/reset#{code}"


def setup_link(core: Core, code: str) -> str:
    """Return the address at which a code makes an account."""
    return f"{core.settings.public_url}/join#{code}"


def _call(core: Core, method: str, **params: Any) -> JSON:
    return METHODS[method](params, core)


def _shown(quota: int) -> str:
    return f"{quota} bytes" if quota else "any number of bytes"


def _owner(name: str) -> str:
    return owner_of_name(*name_and_tenant(name))

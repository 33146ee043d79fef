"""Fields of the methods of accounts."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from files_service.api.fields import OPTIONAL, choice, integer, string
from files_service.api.parameters import flag
from files_service.api.text import line, text
from files_service.domain.accounts import MAX_NAME, MAX_TENANT, Role
from files_service.domain.passwords import MAX_BYTES
from files_service.domain.quotas import MAX_QUOTA

MAX_TOKEN = 200
MAX_LOGIN = MAX_NAME + 1 + MAX_TENANT


def name_field(**arguments: Any) -> fields.String:
    """Make the field of a user name."""
    arguments.setdefault("required", True)
    return string("Name of the account.", line(1, MAX_LOGIN), **arguments)


def secret_field(description: str, most: int = MAX_TOKEN, **arguments: Any) -> fields.String:
    """Make the field of a secret: a token, a code or a password. Errors do not repeat it."""
    arguments.setdefault("required", True)
    return fields.String(
        validate=validate.Length(1, most, error=f"Must be 1 to {most} characters long."),
        metadata={"description": description, "format": "password"},
        **arguments,
    )


def password_field(**arguments: Any) -> fields.String:
    """Make the field of a password."""
    return secret_field("The password.", MAX_BYTES, **arguments)


def token_field() -> fields.String:
    """Make the field of a session's token."""
    return secret_field("Token of the session.")


def id_field() -> fields.String:
    """Make the field of an id."""
    return string("Id.", line(1, 64), required=True)


def tenant_field() -> fields.String:
    """Make the field of a tenant."""
    return string("Tenant, empty: the default one; null: the actor's own.", text(0, MAX_TENANT), **OPTIONAL)


def role_field(**arguments: Any) -> fields.Enum[Role]:
    """Make the field of a role."""
    return choice(Role, "Role of the account.", **arguments)


def quota_field(description: str, **arguments: Any) -> fields.Integer:
    """Make the field of a quota."""
    return integer(description, 0, MAX_QUOTA, **arguments)


def time_field(description: str) -> fields.Integer:
    """Make the field of a point in time."""
    return integer(description, **OPTIONAL)


def usage_field() -> fields.Boolean:
    """Make the field that asks for what accounts store."""
    return flag("Add `usage`: bytes, files and the quota that applies.")

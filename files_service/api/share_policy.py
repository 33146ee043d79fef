"""shares.policy, shares.set_policy."""

from __future__ import annotations

from marshmallow import fields

from files_service.api.accounts.fields import tenant_field
from files_service.api.action import Params, ParamsSchema, action
from files_service.api.fields import Strict, StrictBoolean, integer
from files_service.core import Core
from files_service.domain.shares import MAX_DAYS
from files_service.services.accounts import policy
from storage_adapters import JSON


def _days(description: str, least: int = 1, most: int = MAX_DAYS) -> fields.Integer:
    return integer(description, least, most, allow_none=True)


class PolicyParams(ParamsSchema):
    """Parameters of shares.policy."""

    tenant = tenant_field()


class PolicyChanges(Strict):
    """Rules to set; what is absent stays."""

    require_password = StrictBoolean(metadata={"description": "Make no link without a password."})
    default_days = _days("Days after which a link ends whose owner chooses none; null: never.")
    max_days = _days("Most days from now on after which a link ends; null: any.")
    kept_versions = _days(
        "Former contents of a file that are kept however old they are; null: as in the settings.", 0, 1_000
    )
    kept_versions_days = _days("Days for which older ones without a label are kept; null: as in the settings.", 0)


class SetPolicyParams(PolicyParams):
    """Parameters of shares.set_policy."""

    changes = fields.Nested(PolicyChanges, required=True, metadata={"description": "Rules to set."})


@action("shares.policy", PolicyParams)
def show(params: Params, core: Core) -> JSON:
    """Return the policy of a tenant for its links and versions."""
    return policy.show_policy(core, params["actor"], params["tenant"])


@action("shares.set_policy", SetPolicyParams)
def change(params: Params, core: Core) -> JSON:
    """Change the policy of a tenant for its links and versions."""
    return policy.set_policy(core, params["actor"], params["tenant"], params["changes"])

"""analytics.storage and analytics.file_types: the storage of an owner, a tenant or all."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import OPTIONAL, integer, string
from files_service.api.text import text
from files_service.core import Core
from files_service.domain.accounts import MAX_TENANT
from files_service.services.analytics import answers
from storage_adapters import JSON

MOST_DAYS = 366


class FileTypesParams(ParamsSchema):
    """Parameters of analytics.file_types."""

    owner = owner_field(
        required=False, load_default=None, allow_none=True, description="Owner; null: a tenant, or all files."
    )
    tenant = string("Tenant instead of an owner; empty: the default one.", text(0, MAX_TENANT), **OPTIONAL)


class StorageParams(FileTypesParams):
    """Parameters of analytics.storage."""

    days = integer(f"Number of days up to today, at most {MOST_DAYS}.", 1, MOST_DAYS, load_default=30)


@action("analytics.storage", StorageParams)
def storage(params: Params, core: Core) -> JSON:
    """Return bytes, quota, trash and versions, and what was made on each of the last days."""
    return answers.storage(core, _question(params, core), days=params["days"])


@action("analytics.file_types", FileTypesParams)
def file_types(params: Params, core: Core) -> JSON:
    """Return number and bytes of files by kind."""
    return answers.file_types(core, _question(params, core))


def _question(params: Params, core: Core) -> answers.Question:
    return answers.question_of(core, params["actor"], owner=params["owner"], tenant=params["tenant"])

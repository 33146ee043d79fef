"""versions.*: former contents of a file; ``files.upload`` with ``version_of`` brings the next one."""

from __future__ import annotations

from marshmallow import fields

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.download import DownloadParams, addresses_to_wire
from files_service.api.fields import string
from files_service.api.parameters import label_field
from files_service.api.text import line
from files_service.api.wire import to_wire, version_to_wire
from files_service.core import Core
from files_service.domain.versions import all_versions, current_version
from files_service.services.downloads import download_addresses
from files_service.services.versions import history
from storage_adapters import JSON


def _version_field() -> fields.String:
    return string("Id of the version.", line(1, 40), required=True)


class ListParams(ParamsSchema):
    """Parameters of versions.list."""

    file_id = file_id_field()


class VersionParams(ListParams):
    """Parameters of versions.restore and versions.remove."""

    version_id = _version_field()


class LabelParams(VersionParams):
    """Parameters of versions.label."""

    label = label_field("The label; null takes it away.", required=True)


class VersionDownloadParams(DownloadParams):
    """Parameters of versions.download."""

    version_id = _version_field()


@action("versions.list", ListParams)
def list_versions(params: Params, core: Core) -> JSON:
    """Return the versions of a file, the newest first; the current content is one of them."""
    record = history.load_history(core, params["file_id"], params["actor"])
    current = current_version(record).version_id
    shown = [{**version_to_wire(each), "current": each.version_id == current} for each in all_versions(record)]
    return {"file_id": record.file_id, "versions": shown[::-1], "change_token": record.change_token}


@action("versions.restore", VersionParams)
def restore(params: Params, core: Core) -> JSON:
    """Make the bytes of a version current again, as a new version."""
    return to_wire(history.restore(core, params["file_id"], params["version_id"], params["actor"]))


@action("versions.label", LabelParams)
def label(params: Params, core: Core) -> JSON:
    """Label a version, which keeps it from being pruned."""
    return to_wire(history.set_label(core, params["file_id"], params["version_id"], params["label"], params["actor"]))


@action("versions.remove", VersionParams)
def remove(params: Params, core: Core) -> JSON:
    """Remove a former content of a file; repeating the call is harmless."""
    return to_wire(history.remove_version(core, params["file_id"], params["version_id"], params["actor"]))


@action("versions.download", VersionDownloadParams)
def download(params: Params, core: Core) -> JSON:
    """Return a signed URL for each part of a version, in order."""
    found = download_addresses(
        core,
        params["file_id"],
        actor=params["actor"],
        part_ids=params["parts"],
        attachment=params["attachment"],
        expires_seconds=params["expires_seconds"],
        version_id=params["version_id"],
    )
    return {**addresses_to_wire(found), "version_id": params["version_id"]}

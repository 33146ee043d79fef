"""The versions of a file for its owner: list, rollback, label, removal."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain import versions
from files_service.domain.versions import current_version, find_version
from files_service.errors import Conflict, NotFound
from files_service.services.files import (
    change,
    changeable,
    require_change,
    require_finished,
    require_mutable,
    require_not_trashed,
)
from files_service.services.versions.keeping import change_dropping, plan_now, prune
from storage_adapters import FileRecord, Version


def require_version(record: FileRecord, version_id: str) -> Version:
    """Return a version of the file. Raises NotFound."""
    found = find_version(record, version_id)
    if found is None:
        raise NotFound("the file has no such version", {"file_id": record.file_id, "version_id": version_id})
    return found


def load_history(core: Core, file_id: str, actor: str | None) -> FileRecord:
    """Load a file whose versions the actor may see: those of its owner alone. Raises RecordNotFound, Forbidden."""
    return changeable(core, file_id, actor)


def require_label_fits(core: Core, record: FileRecord) -> None:
    """Raise Conflict when so many versions have a label that one more leaves no place for others."""
    most = core.settings.max_versions
    if versions.labels(record) >= most:
        raise Conflict("too many versions of the file have a label", {"field": "label", "limit": most})


def restore(core: Core, file_id: str, version_id: str, actor: str | None) -> FileRecord:
    """Make a version's bytes current, as a new version; those that are current already change nothing."""
    record = load_history(core, file_id, actor)
    require_version(record, version_id)
    plan_now(core, record)
    new_id = core.new_id()

    def decide(found: FileRecord) -> FileRecord:
        require_change(found, actor)
        former = require_version(found, version_id)
        restored = versions.restore(found, former, version_id=new_id, author=actor, now=core.clock())
        if restored is not found:
            require_mutable(found)
            require_not_trashed(found)
            require_finished(found)
        return restored

    change(core, file_id, decide, event="version_restored")
    return prune(core, file_id)


def set_label(core: Core, file_id: str, version_id: str, label: str | None, actor: str | None) -> FileRecord:
    """Label a version, so that it is not pruned; None takes the label away."""
    record = load_history(core, file_id, actor)
    if label is None:
        plan_now(core, record)

    def decide(found: FileRecord) -> FileRecord:
        require_change(found, actor)
        version = require_version(found, version_id)
        if version.label == label:
            return found
        require_mutable(found)
        if version.label is None:
            require_label_fits(core, found)
        return versions.set_label(found, version_id, label)

    record = change(core, file_id, decide, event="version_labelled")
    return prune(core, file_id) if label is None else record


def remove_version(core: Core, file_id: str, version_id: str, actor: str | None) -> FileRecord:
    """Remove a former content; one that is not there, as after an earlier call, changes nothing.

    Raises Conflict for the current content.
    """
    load_history(core, file_id, actor)

    def decide(found: FileRecord) -> FileRecord:
        require_change(found, actor)
        if current_version(found).version_id == version_id:
            raise Conflict("the version is current: restore another one first", {"version_id": version_id})
        if find_version(found, version_id) is None:
            return found
        require_mutable(found)
        return versions.without_version(found, version_id)

    return change_dropping(core, file_id, decide)

"""What all actions share: the decorator, the validation of parameters, and the way a record is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from files_service.actions.text import line, repeatable
from files_service.core import Core
from files_service.domain.access import OWNER_ONLY, OWNER_ONLY_OF_PARTS, may_act_for, may_change, may_read
from files_service.domain.editing import is_finished, is_same
from files_service.domain.lifecycle import IllegalTransition, announcement
from files_service.domain.listing import BadQuery
from files_service.domain.uploads import FILE_ID
from files_service.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Immutable,
    NotSupported,
    WrongStatus,
    storage_errors_as_files_errors,
)
from storage_adapters import (
    JSON,
    FileRecord,
    RecordDeleted,
    RevisionConflict,
    Tombstone,
    record_to_json,
)

T = TypeVar("T")
Params = dict[str, Any]
ActionFunction = Callable[[Params, Core], JSON]

MAX_RACES = 50
MAX_FAULTS = 50
# Shown to nobody: what a caller may not read back.
SECRET = frozenset({"request_id", "post_action"})


class ParamsSchema(Schema):
    """Base of all parameters: unknown ones are an error, and every action takes an ``actor``."""

    class Meta:
        """An unknown parameter is an error."""

        unknown = RAISE

    actor = fields.String(
        load_default=None,
        allow_none=True,
        validate=line(1, 78),
        metadata={"description": "Who asks; absent or null: the trusted system."},
    )


def file_id_field(**arguments: Any) -> fields.String:
    """Make the field of a file's id: a ULID, or the UUID of an imported file."""
    arguments.setdefault("required", True)
    check = validate.Regexp(FILE_ID + r"\Z", error="Not a file id.")
    return fields.String(validate=check, metadata={"description": "The id of the file."}, **arguments)


def owner_field(**arguments: Any) -> fields.String:
    """Make the field of an owner: opaque text of 1 to 78 characters."""
    arguments.setdefault("required", True)
    description = arguments.pop("description", "The owner: opaque text of 1 to 78 characters.")
    return fields.String(validate=line(1, 78), metadata={"description": description}, **arguments)


@dataclass(frozen=True, slots=True)
class Action:
    """One method of the API: its wire name, the schema of its parameters, and the function behind it."""

    name: str
    schema: Schema
    run: ActionFunction

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]

    def __call__(self, params: Mapping[str, Any], core: Core) -> JSON:
        """Check the parameters and run the action. Raises FilesError."""
        loaded = self.load(params)
        try:
            with storage_errors_as_files_errors():
                return self.run(loaded, core)
        except IllegalTransition as error:
            raise WrongStatus(str(error), {"status": error.status.value}) from error
        except BadQuery as error:
            raise bad_request(error.field, str(error)) from error

    def load(self, params: Mapping[str, Any]) -> Params:
        """Check the parameters. Raises BadRequest that names each wrong field."""
        try:
            loaded: Params = self.schema.load(params)
        except ValidationError as error:
            faults = dict(islice(flatten(error.messages_dict), MAX_FAULTS))
            field, messages = next(iter(faults.items()))
            raise BadRequest(f"{field}: {' '.join(messages)}", {"fields": faults}) from error
        return loaded


def action(name: str, schema: type[Schema]) -> Callable[[ActionFunction], Action]:
    """Make an action of a function ``(params, core) -> result``."""

    def make(function: ActionFunction) -> Action:
        return Action(name, schema(), function)

    return make


def flatten(messages: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Bring marshmallow's nested messages to ``("parts.0.size", ["…"])`` pairs."""
    for key, value in messages.items():
        name = repeatable(key) if not path else path if key == "_schema" else f"{path}.{repeatable(key)}"
        if isinstance(value, Mapping):
            yield from flatten(value, name)
        else:
            yield name, [str(each) for each in value]


def bad_request(field: str, message: str) -> BadRequest:
    """Make the error that names one wrong field; both may repeat what the caller sent."""
    field, message = repeatable(field), repeatable(message)
    return BadRequest(f"{field}: {message}", {"fields": {field: [message]}})


def readable(core: Core, file_id: str, actor: str | None) -> FileRecord:
    """Load a file that the actor may read. Raises Forbidden."""
    record = core.metadata.get(file_id)
    if not may_read(record, actor):
        raise Forbidden("the actor may not read this file", {"file_id": file_id})
    return record


def require_acts_for(owner: str, actor: str | None) -> None:
    """Raise Forbidden unless the actor may act for the owner."""
    if not may_act_for(owner, actor):
        raise Forbidden("the actor may not act for this owner", {"owner": owner})


def require_change(record: FileRecord, actor: str | None) -> None:
    """Raise Forbidden unless the actor may change the file."""
    if not may_change(record, actor):
        raise Forbidden("the actor may not change this file", {"file_id": record.file_id})


def require_mutable(record: FileRecord) -> None:
    """Raise Immutable when the file was sealed."""
    if record.immutable:
        raise Immutable("the file is immutable", {"file_id": record.file_id})


def require_finished(record: FileRecord) -> None:
    """Raise WrongStatus unless the file is processed."""
    if not is_finished(record):
        raise WrongStatus(f"the file is {record.status.value}", {"status": record.status.value})


def load_or_tombstone(core: Core, file_id: str) -> FileRecord | Tombstone:
    """Load a file, or what is left of it, where being deleted is an answer."""
    try:
        return core.metadata.get(file_id)
    except RecordDeleted as error:
        return error.tombstone


def change(
    core: Core,
    file_id: str,
    decide: Callable[[FileRecord], FileRecord],
    *,
    event: str | None = None,
    loaded: FileRecord | None = None,
) -> FileRecord:
    """Load, decide, save; a lost race is decided again on what won. A decision that changes nothing is not saved.

    ``decide`` is pure; its first try is on ``loaded`` where the caller has just loaded the record. The change is
    announced as ``event``, or by the status it arrives in. Raises Conflict when the race was lost ``MAX_RACES`` times,
    and what ``decide`` raises.
    """
    for attempt in range(MAX_RACES):
        before = loaded if loaded is not None and not attempt else core.metadata.get(file_id)
        after = decide(before)
        if is_same(after, before):
            return before
        try:
            return core.metadata.save(
                after,
                expected_revision=before.revision,
                changed_at=core.clock(),
                event=announcement(before, after, event),
            )
        except RevisionConflict:
            core.back_off(attempt)
    raise Conflict("the file is being changed by too many at once", {"file_id": file_id})


def require(store: object, capability: type[T]) -> T:
    """Return the store as one that has the capability. Raises NotSupported."""
    if not isinstance(store, capability):
        name = capability.__name__.removeprefix("Supports")
        raise NotSupported(f"the configured store cannot do this: {name}", {"capability": name})
    return store


def to_wire(record: FileRecord, actor: str | None = None) -> JSON:
    """The record as callers see it: without secrets, and for a stranger without the owner's affairs."""
    value = record_to_json(record)
    for name in SECRET:
        del value[name]
    if not may_change(record, actor):
        for name in OWNER_ONLY:
            del value[name]
        for part in value["parts"]:
            for name in OWNER_ONLY_OF_PARTS:
                del part[name]
    value["change_token"] = record.change_token
    return value

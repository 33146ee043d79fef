"""The base of all actions: the decorator and the validation of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from files_service.api.fields import Strict, string
from files_service.api.text import line
from files_service.core import Core
from files_service.domain.identity import Actor
from files_service.domain.lifecycle import IllegalTransition
from files_service.domain.listing import BadQuery
from files_service.domain.uploads import FILE_ID
from files_service.errors import WrongStatus, bad_fields, bad_request, printable, storage_errors_as_files_errors
from storage_adapters import (
    JSON,
)

Params = dict[str, Any]
ActionFunction = Callable[[Params, Core], JSON]

MAX_FAULTS = 50


class ActorField(fields.String):
    """The actor: text, or an ``Actor`` of the gateway with what its session or key adds."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        return value if isinstance(value, Actor) else text


class ParamsSchema(Strict):
    """Base of all parameter schemas: rejects unknown parameters and adds ``actor``."""

    actor = ActorField(
        load_default=None,
        allow_none=True,
        validate=line(1, 78),
        metadata={"description": "User on whose behalf the call is made; absent or null: the trusted system."},
    )


def file_id_field(**arguments: Any) -> fields.String:
    """Make the field of a file id: a ULID, or the UUID of an imported file."""
    arguments.setdefault("required", True)
    description = arguments.pop("description", "Id of the file.")
    check = validate.Regexp(FILE_ID + r"\Z", error="Not a file id.")
    return string(description, check, **arguments)


def owner_field(**arguments: Any) -> fields.String:
    """Make the field of an owner: opaque text of 1 to 78 characters."""
    arguments.setdefault("required", True)
    description = arguments.pop("description", "The owner: opaque text of 1 to 78 characters.")
    return string(description, line(1, 78), **arguments)


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
        """Check the parameters. Raises BadRequest with a message for each wrong field."""
        try:
            loaded: Params = self.schema.load(params)
        except ValidationError as error:
            raise bad_fields(dict(islice(flatten(error.messages_dict), MAX_FAULTS))) from error
        return loaded


def action(name: str, schema: type[Schema]) -> Callable[[ActionFunction], Action]:
    """Turn a function ``(params, core) -> result`` into an action."""

    def make(function: ActionFunction) -> Action:
        return Action(name, schema(), function)

    return make


def flatten(messages: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Flatten marshmallow's nested messages into ``("parts.0.size", ["…"])`` pairs."""
    for key, value in messages.items():
        name = printable(key) if not path else path if key == "_schema" else f"{path}.{printable(key)}"
        if isinstance(value, Mapping):
            yield from flatten(value, name)
        else:
            yield name, [str(each) for each in value]

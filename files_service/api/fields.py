"""Fields of the schemas: each has a description and a check; parameters of marshmallow follow by name."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

from marshmallow import RAISE, Schema, fields, validate

from files_service.domain.listing import MAX_INTEGER

Kind = TypeVar("Kind", bound=Enum)

OPTIONAL: Final[dict[str, Any]] = {"load_default": None, "allow_none": True}


class Strict(Schema):
    """A schema that refuses unknown fields."""

    class Meta:
        """Schema options: unknown fields are an error."""

        unknown = RAISE


class StrictBoolean(fields.Boolean):
    """A boolean that rejects "yes", 1 and similar values."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class BoundedList(fields.List[Any]):
    """A list that marshmallow would build whole, with all messages, before it counts the elements."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            for check in self.validators:
                if isinstance(check, validate.Length):
                    check(value)
        return super()._deserialize(value, attr, data, **kwargs)


def string(description: str, check: Callable[[str], Any], **arguments: Any) -> fields.String:
    """Make a field of text."""
    return fields.String(validate=check, metadata={"description": description}, **arguments)


def integer(description: str, least: int = 0, most: int | None = MAX_INTEGER, **arguments: Any) -> fields.Integer:
    """Make a field of a whole number."""
    check = validate.Range(least, most)
    return fields.Integer(strict=True, validate=check, metadata={"description": description}, **arguments)


def choice(kind: type[Kind], description: str, **arguments: Any) -> fields.Enum[Kind]:
    """Make a field of a value of an enumeration."""
    return fields.Enum(kind, by_value=True, metadata={"description": description}, **arguments)


def several(each: fields.Field[Any], description: str, least: int, most: int, **arguments: Any) -> BoundedList:
    """Make a field of a list."""
    check = validate.Length(least, most)
    return BoundedList(each, validate=check, metadata={"description": description}, **arguments)

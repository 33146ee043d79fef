"""Lists of parameters whose length is checked before their elements are built."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate


class BoundedList(fields.List[Any]):
    """A list that marshmallow would build whole, with all messages, before it counts the elements."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            for check in self.validators:
                if isinstance(check, validate.Length):
                    check(value)
        return super()._deserialize(value, attr, data, **kwargs)

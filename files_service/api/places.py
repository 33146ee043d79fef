"""Parameters of paths and folders, shared by several actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields

from files_service.api.fields import choice
from files_service.domain.paths import BadPath, clean_folder, new_folder, new_path
from files_service.services.free_paths import OnConflict


class _Place(fields.String):
    """Text that is stored as the path that it names."""

    def __init__(self, clean: Callable[[str], str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._clean = clean

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given: str = super()._deserialize(value, attr, data, **kwargs)
        try:
            return self._clean(given)
        except BadPath as error:
            raise ValidationError(str(error)) from error


def path_field(description: str, **arguments: Any) -> fields.String:
    """Make the field of a path to which a file comes, such as ``films/2026/beach.mp4``."""
    return _Place(new_path, metadata={"description": description}, **arguments)


def folder_field(description: str, **arguments: Any) -> fields.String:
    """Make the field of a folder; "" is the top."""
    return _Place(clean_folder, metadata={"description": description}, **arguments)


def new_folder_field(description: str, **arguments: Any) -> fields.String:
    """Make the field of a folder to which something comes; "" is the top."""
    return _Place(new_folder, metadata={"description": description}, **arguments)


def on_conflict_field(**arguments: Any) -> fields.Enum[OnConflict]:
    """Make the field of the treatment of a path that is taken."""
    description = "A path that another file has: `rename` takes the next free name, `fail` is `path_taken`."
    arguments.setdefault("load_default", OnConflict.RENAME)
    return choice(OnConflict, description, **arguments)

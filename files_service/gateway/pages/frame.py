"""The map of the pages of a person: what the frame around each of them links to."""

from __future__ import annotations

from typing import NamedTuple

from files_service.domain.accounts import Role
from files_service.domain.identity import Identity

# The name of the product and the word beside its mark, on every page.
PRODUCT = "Files"


class Destination(NamedTuple):
    """A page of the map: the name of its screen and icon, its path, its label."""

    name: str
    path: str
    label: str


class Map(NamedTuple):
    """The destinations of the map: those that a phone shows at once, and those behind "More"."""

    first: tuple[Destination, ...]
    others: tuple[Destination, ...] = ()


MAP = Map(
    first=(
        Destination("files", "/", "Files"),
        Destination("photos", "/photos", "Photos"),
        Destination("cards", "/cards", "Cards"),
        Destination("shared", "/shared", "Shared"),
    ),
    others=(
        Destination("trash", "/trash", "Trash"),
        Destination("activity", "/activity", "Activity"),
        Destination("settings", "/settings", "Settings"),
    ),
)
ADMIN = Destination("admin", "/admin", "Admin")


def map_of(identity: Identity | None) -> Map:
    """Return the map of a person: admins have a page more."""
    manages = identity is not None and identity.is_session and identity.role is not Role.USER
    return MAP._replace(others=(*MAP.others, ADMIN)) if manages else MAP

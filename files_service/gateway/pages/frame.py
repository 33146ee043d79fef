"""The map of the pages of a person: what the frame around each of them links to."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A page of the map: the name of its screen and icon, its path, its label."""

    name: str
    path: str
    label: str


class Map(NamedTuple):
    """The places of the map: those that a phone shows at once, and those behind "More"."""

    first: tuple[Place, ...]
    others: tuple[Place, ...] = ()


MAP = Map(
    first=(
        Place("files", "/", "Files"),
        Place("photos", "/photos", "Photos"),
        Place("cards", "/cards", "Cards"),
        Place("shared", "/shared", "Shared"),
    ),
    others=(
        Place("trash", "/trash", "Trash"),
        Place("activity", "/activity", "Activity"),
    ),
)

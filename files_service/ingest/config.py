"""Configuration of the card watcher: ``~/.config/files/watch.toml``, and the token.

The token is that of ``FILES_TOKEN``, else of the token file, else of the configuration. It is read again whenever the
service refuses it, so that a new token needs no restart.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T", "WatchConfig", "CardConfig")

MAX_OFFSET_SECONDS = 50 * 366 * 24 * 3600


class BadConfig(Exception):
    """A configuration that cannot be used; the message names the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardConfig:
    """Settings of one card. ``folder`` is the folder of its files at the service."""

    clock_offset_seconds: float = 0
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """The configuration as it is in effect; each field is a key of the file.

    ``url`` is the address of the service, "" for the one of the settings. ``places`` are further folders below which
    cards are mounted, ``folders`` are treated as cards themselves. With ``any_volume`` a volume without the folders of
    a camera is a card, too; with ``mount`` cards are mounted by udisks2. ``parallel`` is the number of cards of one
    reader that are read at a time.
    """

    url: str = ""
    token: str = field(default="", repr=False)
    token_file: str = ""
    verify: str = "card"
    full: bool = False
    transport: str = ""
    parallel: int = 2
    any_volume: bool = False
    mount: bool = False
    places: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    cards: Mapping[str, CardConfig] = field(default_factory=dict)

    def of_card(self, card_id: str) -> CardConfig:
        """Return what is set for a card, by its id or by the beginning of it."""
        return next((self.cards[name] for name in self.cards if card_id.startswith(name)), CardConfig())


def config_path() -> Path:
    """Return the place of the configuration."""
    return config_folder() / "watch.toml"


def token_path() -> Path:
    """Return the place of the token when the configuration names no other."""
    return config_folder() / "token"


def config_folder() -> Path:
    """Return the folder of the user's configuration."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "files"


def state_folder() -> Path:
    """Return the folder of the user's state that outlives a run."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()) / "files"


def load_config(path: Path | None = None) -> WatchConfig:
    """Return the configuration of a file; the usual one may be missing. Raises BadConfig."""
    place = path or config_path()
    try:
        text = place.read_bytes().decode()
    except FileNotFoundError:
        if path is None:
            return WatchConfig()
        raise BadConfig(f"there is no file {place}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"cannot read {place}: {error}") from None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{place} is not TOML: {error}") from None
    config = _config(given)
    if config.token and _is_open(place):
        raise BadConfig(f"{place} has a token and may be read by others: chmod 600 {place}")
    return config


def read_token(config: WatchConfig) -> str:
    """Return the token, "" when there is none. Raises BadConfig for a file that others may read."""
    if given := os.environ.get("FILES_TOKEN", "").strip():
        return given
    place = Path(config.token_file).expanduser() if config.token_file else token_path()
    try:
        if _is_open(place):
            raise BadConfig(f"the token file may be read by others: chmod 600 {place}")
        return place.read_text().strip()
    except FileNotFoundError:
        if config.token_file and not config.token:
            raise BadConfig(f"token_file: there is no file {place}") from None
        return config.token
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"cannot read the token file {place}: {error}") from None


def _is_open(path: Path) -> bool:
    """Return True when group or others may read a file; Windows has other means."""
    return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _config(given: Mapping[str, Any]) -> WatchConfig:
    given = dict(given)
    cards = given.pop("cards", {})
    _require(isinstance(cards, dict), "cards: must be a table")
    config = _checked(WatchConfig, given, "")
    if config.url:
        parts = urlsplit(config.url)
        _require(parts.scheme in ("http", "https") and bool(parts.netloc), "url: must be http:// or https://")
    _require(config.verify in ("card", "copies"), 'verify: must be "card" or "copies"')
    _require(1 <= config.parallel <= 16, "parallel: must be from 1 to 16")
    return replace(config, url=config.url.rstrip("/"), cards={name: _card(name, each) for name, each in cards.items()})


def _card(name: str, given: Any) -> CardConfig:
    _require(isinstance(given, dict), f"cards.{name}: must be a table")
    _require(len(name) >= 4, f"cards.{name}: must have at least 4 characters of the id of a card")
    card = _checked(CardConfig, given, f"cards.{name}.")
    within = abs(card.clock_offset_seconds) <= MAX_OFFSET_SECONDS
    _require(within, f"cards.{name}.clock_offset_seconds: must be within 50 years")
    return card


def _checked(kind: type[T], given: Mapping[str, Any], prefix: str) -> T:
    """Make the data class of a table whose keys and types are its fields. Raises BadConfig."""
    known = {each.name: getattr(kind(), each.name) for each in fields(kind) if each.name != "cards"}
    values = {}
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise BadConfig(f"{prefix}{name} is no key{f': did you mean {prefix}{near[0]}?' if near else ''}")
        values[name] = _value(f"{prefix}{name}", value, known[name])
    return kind(**values)


def _value(name: str, value: Any, default: Any) -> Any:
    """Return a value of the type of the default."""
    match default:
        case bool():
            _require(isinstance(value, bool), f"{name}: must be true or false")
        case int() | float():
            whole = isinstance(value, int) and not isinstance(value, bool)
            decimal = isinstance(value, float) and name.endswith("clock_offset_seconds")
            _require(whole or decimal, f"{name}: must be a number")
        case tuple():
            _require(isinstance(value, list) and all(isinstance(each, str) for each in value), f"{name}: must be texts")
            return tuple(str(Path(each).expanduser()) for each in value)
        case _:
            _require(isinstance(value, str), f"{name}: must be a text")
    return value


def _require(holds: bool, fault: str) -> None:  # noqa: FBT001 - the condition itself
    if not holds:
        raise BadConfig(fault)

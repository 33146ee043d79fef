"""Identity of a metadata store: the same store has the same name for every user and with any option."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_DEFAULT_PORTS = {
    "redis": 6379,
    "rediss": 6379,
    "redis+sentinel": 26379,
    "rediss+sentinel": 26379,
    "couchdb": 5984,
    "couchdbs": 6984,
}
_DEFAULT_PREFIX = "files"


def sync_name(url: str) -> str:
    """Return the identity of a URL's store: scheme, hosts, path and prefix, without user, password and other options.

    A syncer's checkpoint is named ``sync:`` plus this name; it is stored and never changes for a store that stays in
    place. Equivalent spellings of a URL are recognised without asking the store.
    """
    parts = urlsplit(url)
    scheme = parts.scheme
    hosts = parts.netloc.rpartition("@")[2].lower()
    if scheme == "sqlite":
        return f"sqlite:///{quote(str(Path(unquote(parts.path.removeprefix('/'))).absolute()))}"
    port = _DEFAULT_PORTS.get(scheme)
    places = ",".join(sorted(_with_port(host, port) for host in hosts.split(",")))
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    if scheme.startswith("redis"):
        # The database 0 may be omitted.
        least = 2 if scheme.endswith("+sentinel") else 1
        segments += ["0"] * (least - len(segments))
    prefix = dict(parse_qsl(parts.query)).get("prefix", _DEFAULT_PREFIX)
    suffix = "" if prefix == _DEFAULT_PREFIX else f"?prefix={quote(prefix, safe='')}"
    return f"{scheme}://{places}/{'/'.join(quote(segment, safe='') for segment in segments)}{suffix}"


def _with_port(host: str, port: int | None) -> str:
    name, colon, given = host.rpartition(":")
    if port is None or (colon and given.isdecimal()):
        return host
    return f"{name if colon and not given else host}:{port}"

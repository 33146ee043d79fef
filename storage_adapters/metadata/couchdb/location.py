"""Server and databases of CouchDB that a URL names. Connects to nothing."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from storage_adapters.errors import UnknownStore

FORMS = (
    "couchdb://[user:password@]host[:5984]/database, couchdbs://host[:6984]/database for TLS;"
    " options ?timeout=5&ca=FILE"
)
_DEFAULT_PORTS = {"couchdb": 5984, "couchdbs": 6984}
_DATABASE = re.compile(r"[a-z][a-z0-9_$()+-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The parts of a URL."""

    host: str
    port: int
    database: str
    credentials: tuple[str, str] | None
    timeout_seconds: float
    tls: bool
    ca: str | None

    @property
    def url(self) -> str:
        """The address of the server, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context for the server, None without TLS."""
        return ssl.create_default_context(cafile=self.ca) if self.tls else None


def location_of(url: str) -> Location:
    """Read a URL; raises UnknownStore when it is of none of the forms. The message has no password in it."""
    try:
        return _parse(url)
    except ValueError as error:
        raise UnknownStore(f"{url.partition(':')[0]}: {error}; use {FORMS}") from None


def _parse(url: str) -> Location:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    unknown = options.keys() - {"timeout", "ca"}
    if unknown or parts.fragment:
        raise ValueError(f"{sorted(unknown) or '#'} is no option")
    tls = parts.scheme == "couchdbs"
    if "ca" in options and not tls:
        raise ValueError("ca is for couchdbs://")
    database = unquote(parts.path.strip("/"))
    if not _DATABASE.fullmatch(database):
        raise ValueError("a database's name is of a-z, 0-9 and _$()+-, and begins with a letter")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    credentials = None
    if parts.username is not None:
        credentials = unquote(parts.username), unquote(parts.password or "")
    return Location(
        host=parts.hostname,
        port=parts.port or _DEFAULT_PORTS[parts.scheme],
        database=database,
        credentials=credentials,
        timeout_seconds=_timeout(options.get("timeout", "5")),
        tls=tls,
        ca=options.get("ca"),
    )


def _timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.01 <= seconds <= 600:
        raise ValueError("a timeout is a number of seconds from 0.01 to 600")
    return seconds

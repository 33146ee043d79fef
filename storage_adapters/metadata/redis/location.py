"""Location of Redis that a URL names, and the client for it. Connects to nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, SSLConnection
from redis.credentials import UsernamePasswordCredentialProvider
from redis.retry import Retry
from redis.sentinel import Sentinel

from storage_adapters.errors import UnknownStore

FORMS = (
    "redis://[user:password@]host[:6379][/db],"
    " redis+sentinel://[user:password@]host[:26379][,host…]/service[/db], rediss… for TLS;"
    " options ?prefix=files&timeout=5&ca=FILE&sentinel_user=NAME&sentinel_password=PASSWORD"
)
MOST_CONNECTIONS = 512
_DEFAULT_PORTS = {"redis": 6379, "rediss": 6379, "redis+sentinel": 26379, "rediss+sentinel": 26379}
_SENTINEL_OPTIONS = {"sentinel_user", "sentinel_password"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The parts of a URL. ``hosts`` are the sentinels when there is a ``service``; user and password the server's."""

    hosts: tuple[tuple[str, int], ...]
    service: str | None
    db: int
    username: str | None
    password: str | None = field(repr=False)
    sentinel_username: str | None
    sentinel_password: str | None = field(repr=False)
    prefix: str
    timeout_seconds: float
    tls: bool
    ca: str | None

    def client(self) -> Any:
        """Make a client: every wait is limited, and nothing is sent twice by itself."""
        options: dict[str, Any] = {
            "db": self.db,
            "username": self.username,
            "password": self.password,
            "protocol": 2,
            "max_connections": MOST_CONNECTIONS,
            **self._waits(),
        }
        if self.service is not None:
            tls = {"ssl": True, "ssl_ca_certs": self.ca} if self.tls else {}
            sentinel: Any = Sentinel
            asked = sentinel(self.hosts, sentinel_kwargs={**self._waits(), **self._sentinel_credentials(), **tls})
            return asked.master_for(self.service, **options, **tls)
        host, port = self.hosts[0]
        if self.tls:
            options |= {"connection_class": SSLConnection, "ssl_ca_certs": self.ca}
        return Redis.from_pool(ConnectionPool(host=host, port=port, **options))

    def _sentinel_credentials(self) -> dict[str, Any]:
        if self.sentinel_username is None and self.sentinel_password is None:
            return {}
        # Not as options: of a sentinel that does not answer, some versions of the client show these in the error.
        return {
            "credential_provider": UsernamePasswordCredentialProvider(self.sentinel_username, self.sentinel_password)
        }

    def _waits(self) -> dict[str, Any]:
        return {
            "socket_timeout": self.timeout_seconds,
            "socket_connect_timeout": self.timeout_seconds,
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
        }


def location_of(url: str) -> Location:
    """Read a URL; raises UnknownStore when it is of none of the forms. The message has no password in it."""
    try:
        return _parse(url)
    except ValueError as error:
        raise UnknownStore(f"{url.partition(':')[0]}: {error}; use {FORMS}") from None


def _parse(url: str) -> Location:
    parts = urlsplit(url)
    by_sentinel = parts.scheme.endswith("+sentinel")
    options = _options(parts.query)
    unknown = options.keys() - {"prefix", "timeout", "ca"} - (_SENTINEL_OPTIONS if by_sentinel else set())
    if unknown or parts.fragment:
        raise ValueError(f"{sorted(unknown) or '#'} is no option")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = [unquote(segment) for segment in parts.path.strip("/").split("/") if segment]
    service = path.pop(0) if by_sentinel and path else None
    if by_sentinel and not service:
        raise ValueError("the URL has no service name")
    if len(path) > 1 or not all(segment.isascii() and segment.isdigit() for segment in path):
        raise ValueError("the database is a number")
    if service is None and "," in hosts:
        raise ValueError("several hosts need redis+sentinel://")
    tls = parts.scheme.startswith("rediss")
    if "ca" in options and not tls:
        raise ValueError("ca is for rediss")
    return Location(
        hosts=tuple(_host(host, _DEFAULT_PORTS[parts.scheme]) for host in hosts.split(",")),
        service=service,
        db=int(path[0]) if path else 0,
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_username=options.get("sentinel_user") or None,
        sentinel_password=options.get("sentinel_password") or None,
        prefix=_prefix(options.get("prefix", "files")),
        timeout_seconds=_timeout(options.get("timeout", "5")),
        tls=tls,
        ca=options.get("ca"),
    )


def _options(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        # What does not fit may be the end of a password with a character that should have been escaped.
        raise ValueError("an option is NAME=VALUE, with % and & in it escaped") from None


def _host(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    try:
        return parts.hostname, parts.port or default_port
    except ValueError:
        # As above, with a slash in it.
        raise ValueError("a port is a number") from None


def _prefix(text: str) -> str:
    if not text or any(character in text for character in "{}\0"):
        raise ValueError("a prefix has at least one character and no braces")
    return text


def _timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.01 <= seconds <= 600:
        raise ValueError("a timeout is a number of seconds from 0.01 to 600")
    return seconds

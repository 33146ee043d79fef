"""Connections to a broker by URI."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import amqp

CONNECT_SECONDS = 10

_FORM = (
    "the broker's address is amqp[s]://user:password@host:port/vhost; in user and password write / as %2F, ? as %3F"
    " and # as %23"
)


def connection_options(uri: str, *, tls: Any = None, login_method: str | None = None) -> dict[str, Any]:
    """Turn ``amqp[s]://user:password@host:port/vhost`` into arguments of a connection. Raises ValueError.

    ``tls`` are py-amqp's TLS options; ``amqps`` alone verifies the broker's certificate and name.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        # urllib's own message quotes what it takes for the port: a part of the password that has a / or a #.
        raise ValueError(_FORM) from None
    if parts.scheme not in ("amqp", "amqps", "pyamqp"):
        raise ValueError("the broker's address must begin with amqp:// or amqps://")
    host = parts.hostname or "127.0.0.1"
    if not tls and parts.scheme == "amqps":
        tls = {"server_hostname": host}
    port = port or (5671 if tls else 5672)
    return {
        "host": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "userid": unquote(parts.username or "guest"),
        "password": unquote(parts.password or "guest"),
        "virtual_host": unquote(parts.path[1:]) or "/",
        "login_method": login_method or "PLAIN",
        "ssl": tls or False,
        "connect_timeout": CONNECT_SECONDS,
    }


def open_connection(uri: str, **options: Any) -> amqp.Connection:
    """Connect with blocking sockets; the timeout of the connection also applies to later reads, which raise OSError.

    Raises OSError, an AMQPError, or ValueError for an invalid URI.
    """
    connection = amqp.Connection(**{**connection_options(uri), **options})
    try:
        connection.connect()
    except BaseException:
        connection.collect()
        raise
    connection.sock.settimeout(connection.connect_timeout)
    return connection

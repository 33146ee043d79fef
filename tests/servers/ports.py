"""Free ports on the loopback interface."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

_FIRST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# While this process lives, its ports belong to it, also while nothing listens at them.
_claims: list[socket.socket] = []
_next = itertools.count()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, all different, and that no other process of these tests is given.

    They are none of those that the system gives to connections: one of these may be taken before a server listens, or
    while a server is started again.
    """
    ports: list[int] = []
    size = _end() - _FIRST
    for number in _next:
        # Each process begins at another place.
        port = _FIRST + (os.getpid() * 97 + number) % size
        if _claim(port):
            ports.append(port)
        if len(ports) == count:
            return ports
        assert number < 10 * size, "no port is free"
    raise AssertionError


def _end() -> int:
    """The first port that the system gives to connections."""
    return max(_FIRST + 1_000, int(_RANGE.read_text().split()[0])) if _RANGE.exists() else 32_768


def _claim(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX)
    try:
        # A name in the abstract namespace of Linux, which ends with its process.
        claim.bind(f"\0files-tests-port-{port}")
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True

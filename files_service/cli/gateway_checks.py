"""Checks of ``files doctor`` for a running gateway."""

from __future__ import annotations

import http.client
from contextlib import closing
from urllib.parse import urlsplit

import orjson

from files_service.cli.finding import PATIENCE_SECONDS, Finding
from files_service.config import Settings


def check_gateway(settings: Settings) -> Finding:
    """Ask the gateway whether it is ready."""
    parts = urlsplit(settings.public_url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    start = "Start a gateway: files up"
    try:
        with closing(connect(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request("GET", f"{parts.path}/readyz")
            response = connection.getresponse()
            answer = orjson.loads(response.read())
            failing = [name for name, part in answer["parts"].items() if not part["ok"]]
            if response.status == 200 and answer["ready"]:
                without = f", without {', '.join(failing)}" if failing else ""
                return Finding("gateway", f"{settings.public_url} is ready{without}", "See its log." if failing else "")
            return Finding("gateway", f"{settings.public_url} is not ready: {', '.join(failing)}", "See its log.")
    except (OSError, http.client.HTTPException) as error:
        return Finding("gateway", f"{settings.public_url} does not answer: {error}", start)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return Finding("gateway", f"another service answers at {settings.public_url}", "Set FILES_HTTP.")

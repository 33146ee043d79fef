"""Checks of ``files doctor`` for a running gateway, at its public address and at that of operations."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import orjson

from files_service.cli.finding import PATIENCE_SECONDS, Finding
from files_service.cli.processes import url_of
from files_service.config import Settings
from files_service.runtime.addresses import host_and_port

_START = "Start a gateway: files up. Or correct"


def check_gateway(settings: Settings) -> Finding:
    """Check that the gateway answers at the public address."""
    finding, answer = _readiness("gateway", settings.public_url, "Set FILES_HTTP.", "FILES_PUBLIC_URL")
    if finding.ok and settings.operation_http and "parts" in answer:
        text = f"{settings.public_url} shows its parts to everybody, although FILES_OPERATION_HTTP is set"
        return Finding("gateway", text, "Restart the gateway with this setting.")
    return finding


def answers(settings: Settings) -> bool:
    """Return True when a gateway answers at the public address, ready or not."""
    return bool(_readiness("gateway", settings.public_url, "", "")[1])


def check_operation(settings: Settings) -> Finding:
    """Check that the gateway answers at the address of operations."""
    if not settings.operation_http:
        return Finding("operation", "metrics and details are at the public address (FILES_OPERATION_HTTP is empty)")
    url = url_of(*host_and_port(settings.operation_http))
    return _readiness("operation", url, "Set FILES_OPERATION_HTTP.", "FILES_OPERATION_HTTP")[0]


def _readiness(part: str, url: str, other_address: str, variable: str) -> tuple[Finding, dict[str, Any]]:
    """Ask for ``/readyz`` below a URL; the public address may leave the parts out."""
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(connect(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request("GET", f"{parts.path}/readyz")
            response = connection.getresponse()
            answer: dict[str, Any] = orjson.loads(response.read())
            is_ready = answer["ready"] and response.status == 200
            failing = ", ".join(name for name, each in answer.get("parts", {}).items() if not each["ok"])
    except (OSError, http.client.HTTPException) as error:
        return Finding(part, f"{url} does not answer: {error}", f"{_START} {variable}."), {}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return Finding(part, f"another service answers at {url}", other_address), {}
    if is_ready:
        without = f", without {failing}" if failing else ""
        return Finding(part, f"{url} is ready{without}", "See its log." if failing else ""), answer
    text = f"{url} is not ready" + (f": {failing}" if failing else "")
    return Finding(part, text, "See its log, or /readyz at FILES_OPERATION_HTTP."), answer

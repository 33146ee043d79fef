"""``/healthz``, ``/readyz`` and ``/metrics`` of a process without a gateway, on an address of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.metrics import CONTENT_TYPE, Metrics
from storage_adapters import JSON

logger = logging.getLogger(__name__)

_JSON = "application/json"
_SECONDS = 10


class OperationServer:
    """An HTTP server in threads. Raises OSError where its address is not free."""

    def __init__(self, host: str, port: int, metrics: Metrics, parts: Sequence[Part]) -> None:
        def answer(path: str) -> tuple[int, str, bytes] | None:
            match path:
                case "/healthz":
                    return 200, _JSON, orjson.dumps({"ok": True})
                case "/readyz":
                    found = readiness(parts)
                    return 200 if found["ready"] else 503, _JSON, orjson.dumps(found)
                case "/metrics":
                    return 200, CONTENT_TYPE, metrics.exposition()
            return None

        class Handler(BaseHTTPRequestHandler):
            """Answers to operators."""

            timeout = _SECONDS

            def do_GET(self) -> None:
                """Answer one request."""
                status, content_type, body = answer(self.path.partition("?")[0]) or (404, "text/plain", b"not found\n")
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of the server
                """Log nothing: probes ask every few seconds."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="operation", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def readiness(parts: Sequence[Part]) -> JSON:
    """Check each part; a part that is not required may fail."""
    results = {part.name: _result(part) for part in parts}
    return {"ready": all(each["ok"] or not each.get("required", True) for each in results.values()), "parts": results}


def _result(part: Part) -> JSON:
    required: JSON = {} if part.required else {"required": False}
    started = time.perf_counter()
    try:
        part.check()
    except NotReady as error:
        return {"ok": False, "error": str(error), **required}
    except Exception as error:  # noqa: BLE001 - with any error the part cannot be used
        # The message may name hosts and stays in the log.
        logger.warning("a part does not answer", extra={"part": part.name, "error": str(error)})
        return {"ok": False, "error": "does not answer", **required}
    return {"ok": True, "ms": round((time.perf_counter() - started) * 1000, 1), **required}

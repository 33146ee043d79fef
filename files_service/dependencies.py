"""Dependencies that nameko injects: the core, and a dispatcher that runs actions off the hub."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from nameko.extensions import DependencyProvider

from files_service.api import METHODS
from files_service.config import load_settings
from files_service.errors import FilesError, InternalError
from files_service.messaging.rpc.codec import CALL_NAME, REQUEST_ID
from files_service.messaging.rpc.shared_core import SharedCore, close_shared, open_shared
from files_service.runtime import logs
from storage_adapters import JSON

logger = logging.getLogger(__name__)

# Methods that know a repeated call by its request id alone; the other ones change nothing where they did so before.
_ANSWERED_BY_REQUEST_ID = frozenset(
    name
    for name, method in METHODS.items()
    if (field := method.schema.fields.get("request_id")) is not None and not field.required
) - {"files.clone", "files.bulk"}


class CoreProvider(DependencyProvider):
    """Provider of the configured core; a worker gets a dispatcher for its call."""

    def __init__(self) -> None:
        self._shared: SharedCore | None = None

    def setup(self) -> None:
        """Open the core, or join the other service of this process in using it."""
        self._shared = open_shared(load_settings(self.container.config))
        long_calls = self._shared.core.long_calls
        long_calls.limit = min(long_calls.limit, max(1, self.container.max_workers // 2))

    def stop(self) -> None:
        """Release the core."""
        shared, self._shared = self._shared, None
        if shared is not None:
            close_shared(shared)

    def kill(self) -> None:
        """Release the core."""
        self.stop()

    def get_dependency(self, worker_ctx: Any) -> Dispatcher:
        """Make the dispatcher of one call."""
        assert self._shared is not None
        return Dispatcher(self._shared, worker_ctx.data)


class Dispatcher:
    """Runner of one action in a native thread, where it may block."""

    __slots__ = ("_context", "_core", "_metrics", "_threads")

    def __init__(self, shared: SharedCore, context: dict[str, Any]) -> None:
        self._core = shared.core
        self._metrics = shared.metrics
        self._threads = shared.threads
        self._context = context

    def __call__(self, method: str, params: dict[str, Any]) -> JSON:
        """Run an action. Raises FilesError."""
        return self._threads.execute(self._run, method, params)

    def _run(self, method: str, params: dict[str, Any]) -> JSON:
        request_id = self._context.get(REQUEST_ID) or logs.accepted_request_id(None)
        token = logs.request_id.set(request_id)
        if method in _ANSWERED_BY_REQUEST_ID:
            params = self._with_request_id(params)
        try:
            with self._metrics.counting(method):
                return METHODS[method](params, self._core)
        except FilesError as error:
            logger.info("call failed", extra={"method": method, "code": error.code})
            raise
        except Exception as error:
            logger.exception("call failed with an internal error", extra={"method": method})
            raise InternalError("internal error", {"request_id": request_id}) from error
        finally:
            logs.request_id.reset(token)

    def _with_request_id(self, params: dict[str, Any]) -> dict[str, Any]:
        """Derive the request id from the message, so that a redelivered one finds what the first one made."""
        reply_to, correlation_id = self._context.get(CALL_NAME, (None, None))
        if correlation_id is None or params.get("request_id") is not None:
            return params
        name = hashlib.sha256(f"{reply_to}\n{correlation_id}".encode("utf-8", "surrogatepass")).hexdigest()
        return {**params, "request_id": f"message:{name}"}

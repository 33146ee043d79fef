"""What nameko injects into the services: the core, and the way to call an action on it off the hub."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from eventlet import tpool
from nameko.extensions import DependencyProvider

from files_service import logs
from files_service.actions import METHODS
from files_service.config import load_settings
from files_service.core import Core
from files_service.errors import FilesError, InternalError
from files_service.rpc.codec import CALL_NAME, REQUEST_ID
from files_service.rpc.cores import close_shared, open_shared
from files_service.rpc.threads import keep_threads_native
from storage_adapters import JSON

logger = logging.getLogger(__name__)

_ANSWERED_BY_REQUEST_ID = "files.upload"


class CoreProvider(DependencyProvider):
    """Opens the core that the settings describe; a worker gets a dispatcher for its call."""

    def setup(self) -> None:
        """Open the core, or join the one that another service of this process opened."""
        keep_threads_native()
        self._settings = load_settings(self.container.config)
        self._core = tpool.execute(open_shared, self._settings)

    def stop(self) -> None:
        """Close the core when nobody else uses it."""
        core, self._core = getattr(self, "_core", None), None
        if core is not None:
            tpool.execute(close_shared, self._settings)

    def kill(self) -> None:
        """Close the core when nobody else uses it."""
        self.stop()

    def get_dependency(self, worker_ctx: Any) -> Dispatcher:
        """Make the dispatcher of one call."""
        return Dispatcher(self._core, worker_ctx.data)


class Dispatcher:
    """Calls one action in a native thread, where it may block."""

    __slots__ = ("_context", "_core")

    def __init__(self, core: Core, context: dict[str, Any]) -> None:
        self._core = core
        self._context = context

    def __call__(self, method: str, params: dict[str, Any]) -> JSON:
        """Run an action. Raises FilesError."""
        result: JSON = tpool.execute(self._run, method, params)
        return result

    def _run(self, method: str, params: dict[str, Any]) -> JSON:
        request_id = self._context.get(REQUEST_ID) or logs.accepted_request_id(None)
        token = logs.request_id.set(request_id)
        if method == _ANSWERED_BY_REQUEST_ID:
            params = self._with_request_id(params)
        try:
            return METHODS[method](params, self._core)
        except FilesError as error:
            logger.info("call failed", extra={"method": method, "code": error.code})
            raise
        except Exception as error:
            logger.exception("call failed by our own fault", extra={"method": method})
            raise InternalError("internal error", {"request_id": request_id}) from error
        finally:
            logs.request_id.reset(token)

    def _with_request_id(self, params: dict[str, Any]) -> dict[str, Any]:
        """An upload that does not name itself is named after its message: delivered again, it finds its own file."""
        reply_to, correlation_id = self._context.get(CALL_NAME, (None, None))
        if correlation_id is None or params.get("request_id") is not None:
            return params
        name = hashlib.sha256(f"{reply_to}\n{correlation_id}".encode("utf-8", "surrogatepass")).hexdigest()
        return {**params, "request_id": f"message:{name}"}

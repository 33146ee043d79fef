"""A plain nameko client in a process of its own: calls what it is told on standard input, one JSON line per call.

Reads ``{"service", "method", "args", "kwargs"}`` and answers ``{"result"}`` or ``{"error": class, module, …}``.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

warnings.simplefilter("ignore")

from amqp import AMQPError  # noqa: E402
from nameko.standalone.rpc import ClusterRpcProxy  # noqa: E402

import files_service.client  # noqa: E402, F401 - registers the error classes


def main() -> None:
    config, context = {"AMQP_URI": sys.argv[1]}, json.loads(sys.argv[2])
    lines = iter(sys.stdin)
    while serve(config, context, lines):
        pass


def serve(config: dict[str, str], context: dict[str, Any], lines: Iterator[str]) -> bool:
    """Answer with one proxy; true when it broke, after which nameko's proxies are of no use any more."""
    proxy = ClusterRpcProxy(config, timeout=60, context_data=context)
    try:
        cluster = proxy.start()
    except (OSError, AMQPError):
        time.sleep(0.1)
        return True
    for line in lines:
        call = json.loads(line)
        try:
            method = getattr(cluster[call["service"]], call["method"])
            answer = {"result": method(*call.get("args", ()), **call.get("kwargs", {}))}
        except Exception as error:
            answer = {
                "error": type(error).__name__,
                "module": type(error).__module__,
                "text": str(error),
                "code": getattr(error, "code", None),
                "details": getattr(error, "details", None),
            }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if answer.get("code") is None and "result" not in answer:
            return True
    return False


main()

"""A plain nameko client in a process of its own: calls what it is told on standard input, one JSON line per call.

Reads ``{"service", "method", "args", "kwargs"}`` and answers ``{"result"}`` or ``{"error": class, module, …}``.
"""

from __future__ import annotations

import json
import sys
import warnings

warnings.simplefilter("ignore")

from nameko.standalone.rpc import ClusterRpcProxy  # noqa: E402

import files_service.client  # noqa: E402, F401 - registers the error classes


def main() -> None:
    config = {"AMQP_URI": sys.argv[1]}
    with ClusterRpcProxy(config, timeout=30, context_data=json.loads(sys.argv[2])) as cluster:
        for line in sys.stdin:
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


main()

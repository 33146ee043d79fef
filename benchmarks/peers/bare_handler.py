"""The least that an upload handler can do: aiohttp reads the body, a thread writes it into a new file and syncs that.

``python -m benchmarks.peers.bare_handler PORT FOLDER``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile

from aiohttp import web


def main() -> None:
    """Serve until killed."""
    port, folder = int(sys.argv[1]), sys.argv[2]

    def store(body: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False, buffering=0) as file:
            file.write(body)
            os.fsync(file.fileno())

    async def upload(request: web.Request) -> web.Response:
        await asyncio.to_thread(store, await request.read())
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/api/files/upload", upload)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None)


if __name__ == "__main__":
    main()

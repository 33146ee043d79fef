"""Sends a storm of notifications as fast as it can, and again what was not taken: ``python -m … FILE URL…``.

The file has one JSON object a line: ``body``, ``token`` and ``forged``. Standard output has the number settled so far,
again and again, and at the end a line of JSON: what was answered, and when what was not taken was sent and answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

CONNECTIONS = 48
TELL_EVERY = 50
LEAST_BACK_OFF, MOST_BACK_OFF = 0.05, 1.0
DEADLINE_SECONDS = 1_500


class Sender:
    """One subscription that pushes to several gateways in turn."""

    def __init__(self, urls: list[str], lines: list[str]) -> None:
        self._urls = urls
        self._waiting: asyncio.Queue[tuple[dict[str, Any], int]] = asyncio.Queue()
        self._left = len(lines)
        for line in lines:
            self._waiting.put_nowait((json.loads(line), 0))
        self.settled = 0
        self.statuses: Counter[str] = Counter()
        self.failures: list[tuple[int, float, float]] = []
        self._done = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until everything is settled."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector) as session:
            hands = [asyncio.create_task(self._send_all(session, number)) for number in range(CONNECTIONS)]
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._done.wait()
            for hand in hands:
                hand.cancel()

    async def _send_all(self, session: aiohttp.ClientSession, number: int) -> None:
        while True:
            item, tries = await self._waiting.get()
            number += 1
            sent_at = time.monotonic()
            status = await self._post(session, self._urls[number % len(self._urls)], item)
            self.statuses[f"{'forged' if item['forged'] else 'genuine'} {status}"] += 1
            if status == (401 if item["forged"] else 204):
                self._settle()
                continue
            self.failures.append((status, sent_at, time.monotonic()))
            later = asyncio.create_task(self._again(item, tries + 1))
            self._later.add(later)
            later.add_done_callback(self._later.discard)

    async def _post(self, session: aiohttp.ClientSession, url: str, item: dict[str, Any]) -> int:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {item['token']}"}
        try:
            async with session.post(url, data=item["body"].encode(), headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0

    async def _again(self, item: dict[str, Any], tries: int) -> None:
        await asyncio.sleep(min(MOST_BACK_OFF, LEAST_BACK_OFF * 2**tries))
        self._waiting.put_nowait((item, tries))

    def _settle(self) -> None:
        self.settled += 1
        self._left -= 1
        if self.settled % TELL_EVERY == 0:
            _tell(str(self.settled))
        if not self._left:
            self._done.set()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(path: str, *urls: str) -> None:
    """Send, and report."""
    started = time.monotonic()
    sender = asyncio.run(_send(list(urls), Path(path).read_text().splitlines()))
    report = {
        "seconds": time.monotonic() - started,
        "settled": sender.settled,
        "statuses": sender.statuses,
        "failures": sender.failures,
    }
    _tell(json.dumps(report))


async def _send(urls: list[str], lines: list[str]) -> Sender:
    sender = Sender(urls, lines)
    await sender.run()
    return sender


if __name__ == "__main__":
    main(*sys.argv[1:])

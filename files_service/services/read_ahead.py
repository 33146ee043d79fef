"""Reading of several blobs one behind the other, with the requests for the next ones under way meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

_ASKED_AHEAD = 3

Ask = Callable[[], Iterator[bytes]]


def read_ahead(requests: Iterable[Ask]) -> Iterator[bytes]:
    """Yield the bytes of the answers in the order of the requests. Raises what a request raises.

    Closing does not wait for a store: a client goes away in the event loop.
    """
    pool, asked = ThreadPoolExecutor(_ASKED_AHEAD, "next-chunk"), deque[Future[Iterator[bytes]]]()
    try:
        for request in requests:
            asked.append(pool.submit(request))
            if len(asked) > _ASKED_AHEAD:
                yield from asked.popleft().result()
        while asked:
            yield from asked.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for each in asked:
            each.add_done_callback(_close)


def _close(answer: Future[Iterator[bytes]]) -> None:
    """Close an answer that nobody reads, and with it the connection to the store."""
    if not answer.cancelled() and answer.exception() is None:
        close = getattr(answer.result(), "close", None)
        if close is not None:
            close()

"""Cancellations that are not ours: a library that gives up a connection cancels what others await of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_cancellation(lost: type[Exception]) -> Iterator[None]:
    """Raise ``lost`` for a cancellation that nobody asked of the running task.

    A group of tasks would take such a task for one that has ended, and nobody would miss its work.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise lost("the connection was given up") from error

"""Has the process give the memory of buffers back to the system as soon as they are freed.

By default glibc takes long blocks from its heaps, one per thread, once it has seen a long one freed: buffers of
megabytes then lie between short-lived small things, and the memory of a gateway creeps up to several times what it
uses. With fixed thresholds (mallopt(3)) each buffer is a mapping of its own. Other C libraries have no such call.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LONG_BYTES = 256 * 1024
_HEAPS = 2


def give_buffers_back() -> None:
    """Set it for this process; before its threads start, each with a heap of its own."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, _LONG_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _LONG_BYTES)
    mallopt(_M_ARENA_MAX, _HEAPS)

"""Return of freed buffers to the operating system.

By default glibc allocates long blocks in its heaps, one per thread, once a long block was freed: buffers of megabytes
then lie between small short-lived blocks, and the memory of a process that moves bytes grows to several times its use.
With fixed thresholds (mallopt(3)) each buffer is a mapping of its own. Other C libraries have no such call.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LONG_BYTES = 256 * 1024
_HEAPS = 2


def give_buffers_back() -> None:
    """Set the thresholds of this process, before it starts threads with heaps of their own."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, _LONG_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _LONG_BYTES)
    mallopt(_M_ARENA_MAX, _HEAPS)

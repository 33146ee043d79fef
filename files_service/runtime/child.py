"""Becomes another module of Python that ends with the process that started it: ``child PARENT MODULE [ARGUMENT…]``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the module: what the kernel was told holds for that, too."""
    parent, *module = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the process that started this one is gone")
    os.execv(sys.executable, [sys.executable, "-m", *module])  # noqa: S606 - our own command


if __name__ == "__main__":
    main()

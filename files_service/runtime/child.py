"""Launcher of a Python module that ends with its parent process: ``child PARENT MODULE [ARGUMENT…]``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bind this process to its parent, then execute the module; the binding survives ``exec``."""
    parent, *module = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the parent process has exited")
    os.execv(sys.executable, [sys.executable, "-m", *module])  # noqa: S606 - our own command


if __name__ == "__main__":
    main()

"""What goes wrong on demand."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from tests.fakes.gcs.messages import Request


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """``status`` 0 does what is asked for and loses the answer."""

    status: int
    method: str | None
    part_of_path: str


class Faults:
    """Each fault happens once, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cuts: deque[int] = deque()
        self._download_cuts: deque[int] = deque()
        self._lost_answers = 0
        self._failures: deque[_Failure] = deque()

    def cut_upload_at(self, *totals: int) -> None:
        """Cut the connection when a session has received more than so many bytes, ascending."""
        with self._lock:
            self._cuts.extend(totals)

    def cut_download_at(self, *sizes: int) -> None:
        """Cut the connection of the next downloads after so many bytes each."""
        with self._lock:
            self._download_cuts.extend(sizes)

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._cuts.clear()
            self._download_cuts.clear()
            self._failures.clear()
            self._lost_answers = 0

    def lose_final_answer(self, times: int = 1) -> None:
        """Store the object, and cut the connection instead of saying so."""
        with self._lock:
            self._lost_answers += times

    def fail(self, status: int, *, times: int = 1, method: str | None = None, part_of_path: str = "") -> None:
        """Answer the next requests of this kind with an error."""
        with self._lock:
            self._failures.extend([_Failure(status=status, method=method, part_of_path=part_of_path)] * times)

    def lose_answer(self, *, times: int = 1, method: str | None = None, part_of_path: str = "") -> None:
        """Do what the next requests of this kind ask for, and cut the connection instead of saying so."""
        self.fail(0, times=times, method=method, part_of_path=part_of_path)

    @property
    def left(self) -> int:
        """How many have not happened yet."""
        with self._lock:
            return len(self._cuts) + len(self._download_cuts) + self._lost_answers + len(self._failures)

    def cuts_at(self, total: int) -> bool:
        """Whether a session that has received so much is to be cut now."""
        with self._lock:
            if self._cuts and total > self._cuts[0]:
                self._cuts.popleft()
                return True
            return False

    def download_cut(self) -> int | None:
        """After how many bytes a download that begins now is to be cut."""
        with self._lock:
            return self._download_cuts.popleft() if self._download_cuts else None

    def loses_final_answer(self) -> bool:
        """Whether this last answer is to be lost."""
        with self._lock:
            if self._lost_answers:
                self._lost_answers -= 1
                return True
            return False

    def failure_of(self, request: Request) -> int | None:
        """The status with which this request is to fail, or 0 when its answer is to be lost."""
        with self._lock:
            for failure in self._failures:
                if failure.method in (None, request.method) and failure.part_of_path in request.path:
                    self._failures.remove(failure)
                    return failure.status
            return None

"""Sleep until an absolute instant, to about a tenth of a millisecond.

`gevent.sleep` rounds up to the event loop's millisecond and drifts when it is chained; a due time
must do neither. On Linux a timerfd is watched by the loop; elsewhere the loop's own timer serves,
coarser.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from gevent import get_hub
from gevent.hub import Waiter

from sagellm_benchmark.clock import NS_PER_S, now

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_READ = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """Waits for one greenlet at a time."""

    def __init__(self) -> None:
        self._fd = _timerfd() if sys.platform == "linux" else -1
        self._watcher = get_hub().loop.io(self._fd, _READ) if self._fd >= 0 else None
        self._waiter: Waiter | None = None

    def wait_until(self, due_ns: int) -> bool:
        """Sleep until `due_ns` on the monotonic clock.

        Returns:
            False if `cancel` ended the sleep, else True.
        """
        while (remaining := due_ns - now()) > 0:
            if not self._sleep(due_ns, remaining):
                return False
        return True

    def _sleep(self, due_ns: int, remaining: int) -> bool:
        watcher: Any = self._watcher
        if watcher is None:
            loop = get_hub().loop
            loop.update_now()  # a timer counts from the loop's idea of now, which may be old
            watcher = loop.timer(remaining / NS_PER_S)
        else:
            _arm(self._fd, due_ns)  # arming also forgets an expiry nobody read
        waiter: Waiter = Waiter()
        self._waiter = waiter
        watcher.start(waiter.switch, True)
        try:
            return waiter.get()
        finally:
            watcher.stop()
            self._waiter = None

    def cancel(self) -> None:
        """Wake the sleeper, if there is one."""
        if self._waiter is not None:
            get_hub().loop.run_callback(self._waiter.switch, False)

    def close(self) -> None:
        """Give the file descriptor back."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._fd)
            self._watcher = None


def _timerfd() -> int:
    fd = _libc().timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    return fd


def _arm(fd: int, due_ns: int) -> None:
    spec = _Itimerspec()
    spec.value.seconds, spec.value.nanoseconds = divmod(due_ns, NS_PER_S)
    if _libc().timerfd_settime(fd, _ABSOLUTE, ctypes.byref(spec), None) < 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")


_loaded: list[ctypes.CDLL] = []


def _libc() -> ctypes.CDLL:
    if not _loaded:
        _loaded.append(ctypes.CDLL(None, use_errno=True))
    return _loaded[0]

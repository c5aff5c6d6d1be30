"""What the system allows this process: open files and local ports, and how near it came to that.

The lowest free file number is what the limit is compared with, so opening one file tells how many
are open, at any number, in microseconds. Ports are counted from the machine's sockets that wait out
(TIME_WAIT) and the files opened since the start: an estimate from above, on Linux only.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

_SOCKETS = Path("/proc/net/sockstat")
_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def raise_file_limit() -> None:
    """Allow as many open files, and so connections, as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Limits:
    """Watches how near the load comes to both limits."""

    def __init__(self) -> None:
        self._at_start = 0
        self._files_peak = 0
        self._ports_peak = 0
        self._range = _port_range()

    def start(self) -> None:
        """What is open now is none of the load's."""
        self._at_start = self._files_peak = open_files()

    def look_at_files(self) -> None:
        """Count the open files; 5 microseconds."""
        self._files_peak = max(self._files_peak, open_files())

    def look_at_ports(self) -> None:
        """Count the ports in use; 50 microseconds."""
        if self._range is not None:
            opened = max(open_files() - self._at_start, 0)
            self._ports_peak = max(self._ports_peak, waiting_sockets() + opened)

    def figures(self) -> dict[str, Any]:
        """`files` and `ports`, the latter None where the system does not tell."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        ports = {"used_peak": self._ports_peak, "range": list(self._range or ())}
        return {
            "files": {"open_peak": self._files_peak, "limit": limit},
            "ports": None if self._range is None else ports,
        }


def open_files() -> int:
    """How many files are open, none free below the last of them; all allowed, if no more can be."""
    try:
        lowest_free = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.close(lowest_free)
    return lowest_free


def waiting_sockets() -> int:
    """Closed sockets of this machine whose ports are not free yet."""
    for line in _SOCKETS.read_text().splitlines():
        name, *pairs = line.split()
        if name == "TCP:":
            return int(dict(zip(pairs[::2], pairs[1::2], strict=True))["tw"])
    return 0


def _port_range() -> tuple[int, int] | None:
    if sys.platform != "linux" or not (_SOCKETS.exists() and _PORTS.exists()):
        return None
    first, last = _PORTS.read_text().split()
    return int(first), int(last)

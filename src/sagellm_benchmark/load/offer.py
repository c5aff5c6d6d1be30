"""What the page may choose beside plain values: a trace of one directory, a host of a few.

In go the command line's `--trace-dir` and `--allow-host`; out come names, and a path for a name. A
path never lies outside the directory, links followed.
"""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.config.hosts import check_hosts
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.redact import snippet

MOST = 500
"""Names that are offered."""


class Offer:
    """The choices of one process.

    Args:
        folder: `--trace-dir`, None where the trace is fixed.
        hosts: `--allow-host`, as given.

    Attributes:
        hosts: Those, as URLs.

    Raises:
        UsageError: There is no such directory, or a host is none.
    """

    def __init__(self, folder: str | None, hosts: tuple[str, ...]) -> None:
        self.hosts = tuple(_host(host) for host in hosts)
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None and not self._folder.is_dir():
            raise UsageError(f"--trace-dir {folder}: no such directory")

    @property
    def open(self) -> bool:
        """Whether the page may choose a trace at all."""
        return self._folder is not None

    def traces(self) -> list[str]:
        """The files that may be chosen, by name."""
        if self._folder is None:
            return []
        root = self._folder.resolve()
        found = (path.name for path in self._folder.iterdir() if not path.name.startswith("."))
        return sorted(name for name in found if _inside(root, name) is not None)[:MOST]

    def path(self, name: str) -> str:
        """Where a file of the directory is.

        Raises:
            UsageError: It is none of them.
        """
        found = None
        if self._folder is not None and not name.startswith("."):
            found = _inside(self._folder.resolve(), name)
        if found is None:
            raise UsageError(f"--trace: {snippet(name, 80)} is no file of --trace-dir")
        return str(found)


def _host(given: str) -> str:
    try:
        return check_hosts(given)
    except UsageError as error:
        raise UsageError(str(error).replace("--host", "--allow-host", 1)) from None


def _inside(root: Path, name: str) -> Path | None:
    """The file of that very name in a directory; None where it is none, or leads out of it."""
    if "/" in name or "\0" in name:
        return None
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        return None
    return path if path.is_file() and path.is_relative_to(root) else None

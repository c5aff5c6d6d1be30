"""What a user did wrong, in one line.

Every error that a person can cause is a `UsageError`: its text names the file and line, or the
option, and says what to do. The command line prints that text and exits with 2; nothing else may be
raised at a user.
"""

from __future__ import annotations

from pathlib import Path


class UsageError(Exception):
    """Bad options, a bad file, a target that cannot be used: no load was sent, exit code 2."""


class InputError(UsageError):
    """A file whose content is not what it should be.

    Args:
        message: What is wrong, and what to do about it.
        path: The file.
        line: Its line, counted from 1, or None where the file as a whole is meant.
    """

    def __init__(self, message: str, path: str | Path, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")
        self.path = str(path)
        self.line = line

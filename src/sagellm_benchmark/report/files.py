"""Reports on disk: a text and a path in, a file out, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Args:
        path: Where.
        text: All of it.
        private: Nobody else may read it, whatever the umask: there is content in it.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.touch(mode=0o600 if private else 0o666)
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise

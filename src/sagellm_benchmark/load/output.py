"""Standard output, which may be full or have lost its reader: told in one line, and only once."""

from __future__ import annotations

import os
import sys

from sagellm_benchmark.errors import UsageError


def say(text: str) -> None:
    """Print a text, now.

    Raises:
        UsageError: It cannot be written. Whatever is printed after that goes nowhere.
    """
    try:
        print(f"{text}\n", end="", flush=True)  # in one write
    except OSError as error:
        # What is held back would be tried again at the end, and fail in Python's own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"standard output cannot be written: {error.strerror}") from None

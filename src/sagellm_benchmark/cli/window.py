"""Where a command's text is shown: how wide, and whether in colours.

In: standard output and the environment. A terminal is as wide as it is, and gets colours unless
NO_COLOR is set; a pipe or a file is as wide as COLUMNS says, else as the command likes it best.
"""

from __future__ import annotations

import os
import shutil
import sys

LEAST = 40
"""Columns; in fewer of them no table can be read."""


def window(plain: int) -> tuple[int, bool]:
    """The width of standard output, and whether it shows colours.

    Args:
        plain: The width where nothing tells it.
    """
    terminal = sys.stdout.isatty()
    # Without a terminal `shutil` would still ask the one that the program was started from.
    told = shutil.get_terminal_size().columns if terminal else _columns()
    return max(told or plain, LEAST), terminal and "NO_COLOR" not in os.environ


def _columns() -> int:
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() else 0

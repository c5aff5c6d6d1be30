"""Locust itself, run in this process with arguments of ours.

No implicit configuration is read: neither locust.conf nor pyproject.toml of the current directory
has a say.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from locust import argument_parser, main


def replay(argv: Sequence[str], *, web: bool = False) -> int:
    """Run Locust.

    Args:
        argv: Its arguments, after the program's name.
        web: Its page is wanted, and so its log.

    Raises:
        SystemExit: Locust's way to end, with the run's exit code.
    """
    argument_parser.DEFAULT_CONFIG_FILES = ()
    sys.argv = ["sagellm-benchmark run", *argv]
    if not web:
        # Our plan, progress and table take the place of Locust's log and tables.
        sys.argv += ["--skip-log-setup", "--only-summary"]
    main.main()
    return 0

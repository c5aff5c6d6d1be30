"""Locust itself, run in this process with arguments of ours.

No implicit configuration is read: neither locust.conf nor pyproject.toml of the current directory
has a say. What `--config` names is read as Locust reads it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configargparse import ConfigFileParserException
from locust import argument_parser, main

from sagellm_benchmark.errors import InputError


def replay(argv: Sequence[str], *, web: bool = False) -> int:
    """Run Locust.

    Args:
        argv: Its arguments, after the program's name.
        web: Its page is wanted, and so its log.

    Raises:
        SystemExit: Locust's way to end, with the run's exit code.
    """
    _read_no_configuration()
    sys.argv = ["sagellm-benchmark run", *argv]
    if not web:
        # Our plan, progress and table take the place of Locust's log and tables.
        sys.argv += ["--skip-log-setup", "--only-summary"]
    main.main()
    return 0


def configured(path: str) -> Mapping[str, Any]:
    """What a file that `--config` names says: text, or a list of texts, by the option's name.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            return argument_parser.LocustConfigParser().parse(file)
    except OSError as error:
        raise InputError(f"--config cannot be read: {error.strerror}", path) from None
    except (ConfigFileParserException, UnicodeDecodeError) as error:
        raise InputError(f"--config cannot be read: {error}", path) from None


def _read_no_configuration() -> None:
    """Empty the list of files that Locust's parsers read; it is bound to what makes them."""
    files = argument_parser.DEFAULT_CONFIG_FILES
    for make in (argument_parser.get_empty_argument_parser, argument_parser.get_parser):
        make.__defaults__ = tuple(() if value is files else value for value in make.__defaults__)

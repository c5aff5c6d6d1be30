"""Where each option's value came from: command line, environment or file.

In goes Locust's parser after it has parsed; out comes a word an option. What is missing is a
default.
"""

from __future__ import annotations

import argparse

from locust.argument_parser import LocustArgumentParser

_COMMAND_LINE = "command_line"
_WORDS = {"environment_variables": "env", "defaults": "default"}


def sources_of(parser: LocustArgumentParser) -> dict[str, str]:
    """The source of every option that was given, by its key: `cli`, `env` or `file`."""
    found: dict[str, str] = {}
    for source, settings in parser.get_source_to_settings_dict().items():
        kind, _, _ = source.partition("|")
        if kind == _COMMAND_LINE:
            given = [text for _, texts in settings.values() for text in texts]
            found |= {action.dest: "cli" for action in parser._actions if _named(action, given)}
            continue
        word = _WORDS.get(kind, "file")
        for action, _ in settings.values():
            if action is not None and word != "default":
                found.setdefault(action.dest, word)
    return found


def _named(action: argparse.Action, given: list[str]) -> bool:
    for flag in action.option_strings:
        short = not flag.startswith("--")
        for text in given:
            if text.partition("=")[0] == flag or (short and text.startswith(flag)):
                return True
    return False

"""`--processes N`: workers of this machine, on a port of their own that no other machine reaches.

Locust's master listens on every address, on one port, with no key: fine for a cluster that wants
it, wrong for processes that were forked here, and two such runs at once would meet there.
"""

from __future__ import annotations

import argparse
import socket
from typing import Any

from locust.argument_parser import LocustArgumentParser

LOOPBACK = "127.0.0.1"
_PORTS = ("master_port", "master_bind_port")


class _Forked(argparse.Action):
    """Takes the number of processes, and gives them a port where nobody named one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        named = [key for key in _PORTS if getattr(namespace, key) != parser.get_default(key)]
        if not named:
            port = _free_port()
            for key in _PORTS:
                setattr(namespace, key, port)
        if namespace.master_bind_host == parser.get_default("master_bind_host"):
            namespace.master_bind_host = LOOPBACK


def keep_to_loopback(parser: LocustArgumentParser) -> None:
    """Let `--processes` do so."""
    for action in parser._actions:
        if action.dest == "processes":
            action.__class__ = _Forked


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return found.getsockname()[1]

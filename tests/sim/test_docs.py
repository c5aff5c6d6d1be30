"""docs/simulator.md against the command."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import shlex
from pathlib import Path

import pytest

from sagellm_benchmark.cli import sim
from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.sendlog import Sent
from sagellm_benchmark.sim.server import serve

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
COMMANDS = [line for line in TEXT.splitlines() if line.startswith("sagellm-benchmark sim")]


def parsed(command):
    """Parse a command line as the program does."""
    parser = argparse.ArgumentParser()
    sim.add_parser(parser.add_subparsers())
    return parser.parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_docs_serves(command, tmp_path):
    """Each starts and stops; port, log and time limit are ours, and no gateway is asked."""
    args = vars(parsed(command))
    config = SimConfig(**{field.name: args[field.name] for field in dataclasses.fields(SimConfig)})
    log = tmp_path / "log" if config.send_log else None
    config = dataclasses.replace(config, port=0, send_log=log, register=None, max_seconds=0.01)
    asyncio.run(asyncio.wait_for(serve(config), 5))


def test_the_docs_name_every_option_and_every_field_of_the_log():
    """What can be set and what is written can be read about."""
    options = ["--" + name.replace("_", "-") for name in vars(parsed("x sim")) if name != "run"]
    assert len(options) > 15
    for name in [*options, *(f"`{field}" for field in Sent.__struct_fields__)]:
        assert name in TEXT, name

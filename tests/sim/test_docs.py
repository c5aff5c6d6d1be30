"""docs/simulator.md against the command."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from sagellm_benchmark.cli import sim
from sagellm_benchmark.sim.fault_kinds import KINDS
from sagellm_benchmark.sim.sendlog import Sent
from sagellm_benchmark.sim.server import serve

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall("```yaml\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for line in TEXT.splitlines() if line.startswith("sagellm-benchmark sim")]


def parsed(command):
    """Parse a command line as the program does."""
    parser = argparse.ArgumentParser()
    sim.add_parser(parser.add_subparsers())
    return parser.parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_docs_serves(command, tmp_path):
    """Each starts and stops; port, log and time limit are ours, and no gateway is asked."""
    args = parsed(command)
    if args.faults is not None:
        args.faults = tmp_path / "faults.yaml"
        args.faults.write_text(SCRIPT)
    config = sim.config_of(args)
    assert (config.faults is None) == (args.faults is None)
    log = tmp_path / "log" if config.send_log else None
    config = dataclasses.replace(config, port=0, send_log=log, register=None, max_seconds=0.01)
    asyncio.run(asyncio.wait_for(serve(config), 5))


def written(default):
    """A default as the docs write it; one that is no value may read in any way."""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else f"{default:g}" if isinstance(default, float) else str(default)


def test_the_docs_describe_every_kind_of_fault():
    """Its row names each of its parameters with its default, and says what it acts on."""
    rows = dict(re.findall(r"(?m)^\| `(\w+)` (\|.*)$", TEXT[TEXT.index("### Connection") :]))
    assert set(rows) == set(KINDS)
    for name, kind in KINDS.items():
        row = rows[name]
        assert row.startswith(f"| {kind.reach.value} |"), name
        words = {"place", "after_tokens", "after_bytes"} if kind.place else {"token k"}
        for parameter, one in kind.parameters.items():
            if parameter.startswith("after_"):
                assert any(word in row for word in words), (name, parameter)
            else:
                default = re.escape(written(one.default))
                assert re.search(rf"`{parameter}` \(`?{default}", row), (name, parameter)


def test_the_docs_name_every_option_and_every_field_of_the_log():
    """What can be set and what is written can be read about."""
    options = ["--" + name.replace("_", "-") for name in vars(parsed("x sim")) if name != "run"]
    assert len(options) > 15
    for name in [*options, *(f"`{field}" for field in Sent.__struct_fields__)]:
        assert name in TEXT, name

"""Our options and listeners, registered with Locust when a locustfile imports one of our users.

The listeners hand every event to the `Coordinator` of the environment; nothing is decided here.
"""

from __future__ import annotations

import sys
import traceback
from argparse import SUPPRESS
from typing import Any, NoReturn

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner, WorkerRunner

from sagellm_benchmark.config.options import OPTIONS, arguments
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.callers import look_up_quickly
from sagellm_benchmark.load.cluster.worker import Worker
from sagellm_benchmark.load.coordinator import Coordinator
from sagellm_benchmark.load.dispatch import ours
from sagellm_benchmark.load.files import keep_final_csv
from sagellm_benchmark.load.forking import keep_to_loopback
from sagellm_benchmark.load.rows import use_three_digits
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.sources import sources_of
from sagellm_benchmark.redact import printable

_parsers: list[LocustArgumentParser] = []
_parts: dict[Environment, Coordinator | Worker] = {}


@events.init_command_line_parser.add_listener
def declare_options(parser: LocustArgumentParser) -> None:
    """Every option of ours on Locust's parser, with its environment variable and its place."""
    for option in OPTIONS:
        # Not through argument groups: Locust's page does not see options in groups.
        parser.add_argument(
            option.flag,
            env_var=option.env,
            include_in_web_ui=option.page,
            **arguments(option),
        )
    # Whoever reaches the page can send load: Locust would let every address reach it.
    parser.set_defaults(web_host="127.0.0.1")
    # To Locust it would be an unknown option, which it repeats with its value.
    parser.add_argument("--api-key", type=_no_key, help=SUPPRESS, include_in_web_ui=False)
    keep_to_loopback(parser)
    _parsers[:] = [parser]
    use_three_digits()
    keep_final_csv()
    look_up_quickly()
    _say_taken_ports()


def _no_key(_: str) -> NoReturn:
    refuse(
        UsageError(
            "--api-key: everybody on this machine can read a command line: put the key into an "
            "environment variable and name that with --api-key-env VAR"
        )
    )


@events.init.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Check all that can be checked before any load; what is wrong ends here, with exit code 2."""
    if not ours(environment.user_classes):
        return
    make = Worker if isinstance(environment.runner, WorkerRunner) else Coordinator
    try:
        part = make(environment, sources_of(_parsers[0]))
        part.initialise()
    except UsageError as error:
        refuse(error)
    except KeyboardInterrupt:
        refuse(UsageError("interrupted before any load was sent"))
    except Exception:  # an error of ours: Locust would log it and go on, without a run
        traceback.print_exc()
        raise SystemExit(2) from None
    _parts[environment] = part


def coordinator_of(environment: Environment) -> Coordinator | None:
    """Who carries the runs of this environment; None in a worker, or without a user of ours."""
    part = _parts.get(environment)
    return part if isinstance(part, Coordinator) else None


def current_run(environment: Environment) -> Run:
    """The run that is on in this environment.

    Raises:
        RuntimeError: None is.
    """
    run = _parts[environment].run
    if not isinstance(run, Run):
        raise RuntimeError("no run is on: calls count from the test's start to its end")
    return run


def _say_taken_ports() -> None:
    """Let a coordinator whose port is another's say so in a line; Locust shows a traceback."""
    make = Environment.create_master_runner

    def made(environment: Environment, *args: Any, **options: Any) -> MasterRunner:
        try:
            return make(environment, *args, **options)
        except RPCError as error:
            refuse(
                UsageError(
                    f"no workers can be listened for: {error}; is another coordinator running? "
                    "Choose a port with --master-bind-port, and with --master-port at the workers"
                )
            )

    Environment.create_master_runner = made  # type: ignore[method-assign,assignment]


def refuse(error: UsageError) -> NoReturn:
    """Print the one line and leave. Locust lets SystemExit through, and no other exception."""
    print(printable(f"error: {error}"), file=sys.stderr, flush=True)
    raise SystemExit(2)

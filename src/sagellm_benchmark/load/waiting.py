"""A run that starts by itself, from its preparation to its start: it may have to wait for workers.

In: what was prepared. Out: the same, once, to whoever starts it; or the end of the process with one
line and exit code 2, where it is called off before. Nothing has been sent then, and nothing stays.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import gevent
from locust.env import Environment

from sagellm_benchmark.load import identity as identities
from sagellm_benchmark.load.finish import EXIT_USAGE
from sagellm_benchmark.load.prepared import Prepared

_LOOK_S = 1.0


class Waiting:
    """The first run of a process.

    Args:
        environment: Locust's.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._prepared: Prepared | None = None

    def hold(self, prepared: Prepared) -> None:
        """Keep what is prepared, with a name and a directory of its own.

        Raises:
            UsageError: The name is taken, or the directory cannot be written.
        """
        self._prepared = replace(prepared, identity=identities.claim(prepared.settings))

    def take(self) -> Prepared | None:
        """What is to start now; None where nothing waits any more."""
        prepared, self._prepared = self._prepared, None
        return prepared

    def call_off(self, why: str) -> None:
        """End the process with these words, if a run waits."""
        prepared = self.take()
        if prepared is not None:
            identities.give_up(prepared.identity)
            print(f"error: {why}", file=sys.stderr, flush=True)
            # Of SIGTERM Locust hears too, and may be the first to leave.
            self._environment.process_exit_code = EXIT_USAGE
            self._environment.runner.quit()
            raise SystemExit(EXIT_USAGE)

    def expect_workers(self) -> None:
        """Take `--expect-workers-max-wait` from Locust, which gives up with its log and 1."""
        options = self._environment.parsed_options
        within_s, options.expect_workers_max_wait = options.expect_workers_max_wait, 0
        if within_s:
            gevent.spawn_later(within_s, self._look, within_s)

    def _look(self, within_s: float) -> None:
        options = self._environment.parsed_options
        runner: Any = self._environment.runner
        clients = runner.clients
        while self._prepared is not None and len(clients.ready) >= options.expect_workers:
            gevent.sleep(_LOOK_S)  # Locust, which starts the run, looks as often
        self.call_off(
            f"{len(clients.ready)} of {options.expect_workers} workers came within {within_s:g} s "
            "(--expect-workers-max-wait): start the others with --worker, --master-host and "
            f"--master-port {options.master_bind_port}, wait longer, or expect fewer "
            "(--expect-workers)"
        )

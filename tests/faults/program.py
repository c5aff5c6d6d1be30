"""`sagellm-benchmark run` as a process, and what must hold of it whatever was done to it."""

from __future__ import annotations

from contextlib import contextmanager

from tests.load.processes import Load


class Program(Load):
    """One `sagellm-benchmark run`, in a process group of its own."""

    def program(self, locustfile):
        """What is run, as Python's `-m` takes it."""
        return ["sagellm_benchmark", "run"]


@contextmanager
def program(folder, *options, **more):
    """A run for as long as the block lasts."""
    started = Program(folder, *options, **more)
    try:
        yield started
    finally:
        started.close()

"""A coordinator and its workers as whole processes, each in a folder and a group of its own."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

from tests.load.processes import REPLAY, free_port, load, wait_for

LOCAL = "127.0.0.1"


class Cluster:
    """A coordinator with workers.

    Args:
        folder: Where each process gets a folder of its own.
        options: Of the coordinator.
        workers: So many it waits for.
        joined: So many are started at once; all, if None.
        file: The locustfile's text.
        env: Environment variables of all.
        page: It has a page.

    Attributes:
        coordinator: The process that has the trace and writes the run.
        port: Where it listens.
        workers: Those that send, in the order in which they were started.
    """

    def __init__(self, folder, *options, workers=2, joined=None, file=REPLAY, env=None, page=False):
        self._folder = folder
        self._file = file
        self._stack = ExitStack()
        self.port = free_port()
        self.workers = []
        head = () if page else ("--headless",)
        bound = ("--master-bind-host", LOCAL, "--master-bind-port", self.port)
        self.coordinator = self._start(
            "coordinator", *head, "--master", *bound, "--expect-workers", workers, *options, env=env
        )
        for _ in range(workers if joined is None else joined):
            self.join(env=env)

    def _start(self, name, *options, **more):
        path = self._folder / name
        return self._stack.enter_context(load(path, *options, **{"file": self._file, **more}))

    def join(self, *options, **more):
        """One more worker, with options of its own and what else `load` takes."""
        joined = ("--worker", "--master-host", LOCAL, "--master-port", self.port)
        name = f"worker-{len(self.workers) + 1}"
        self.workers.append(self._start(name, *joined, *options, **more))
        return self.workers[-1]

    def sending(self, records=1):
        """Wait until every worker has this many records on its own disk."""
        for worker in self.workers:
            wait_for(lambda worker=worker: len(own_records(worker)) >= records, self.coordinator)

    def close(self):
        """Make sure that all are gone."""
        self._stack.close()


def own_records(worker):
    """Lines of a worker's own segments."""
    lines = []
    for path in worker.folder.glob("runs/*/workers/*/*.jsonl"):
        lines += path.read_bytes().splitlines()
    return lines


@contextmanager
def cluster(folder, *options, **more):
    """A cluster for as long as the block lasts."""
    found = Cluster(folder, *options, **more)
    try:
        yield found
    finally:
        found.close()

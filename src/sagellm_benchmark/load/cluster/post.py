"""Letters over Locust's own connections, and the moment when one of these is closed.

The master's socket says at once whether a worker is connected: a letter to one that is not comes
back, instead of vanishing as Locust's own messages do. A worker hears of a closed connection from
its socket's monitor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent
import locust.runners
import zmq
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc.protocol import Message

from sagellm_benchmark.load.cluster.letters import MESSAGE, Here, Letter, Welcome, pack

log = logging.getLogger(__name__)

HERE, WELCOME = pack(Here(run="")), pack(Welcome(run=""))

SILENCE = 90
"""So many heartbeats of a worker, one a second, Locust may miss."""

Taken = Callable[[str, bytes], None]


class MasterPost:
    """The coordinator's end.

    Args:
        environment: Locust's, with a master's runner.
        take: Called with Locust's name for a worker, and its letter.
        came: Called with Locust's name for a worker that can be asked to begin from now on.
    """

    def __init__(self, environment: Environment, take: Taken, came: Callable[[str], None]) -> None:
        self._runner: Any = environment.runner
        # Locust would stop the test where it has missed heartbeats of the last worker. Whether one
        # is gone is for the connection to say.
        locust.runners.HEARTBEAT_LIVENESS = SILENCE
        self._take = take
        self._came = came
        self._here: set[str] = set()
        self._runner.register_message(MESSAGE, self._received)

    def keep_time(self) -> None:
        """Take `--run-time` from Locust, whose clock would run while workers get ready.

        The options have been read before, for the first run.
        """
        environment = self._runner.environment
        options, page = environment.parsed_options, environment.web_ui
        if page is not None:
            page._stop_runners = lambda: None  # all that its timer does
        if options.run_time and (options.headless or options.autostart):
            options.run_time = None
            main = logging.getLogger("locust.main")
            main.addFilter(lambda record: not str(record.msg).startswith("No run time limit set"))

    def is_here(self, key: str) -> bool:
        """Whether a worker that Locust knows of listens to us."""
        return key in self._here

    def gone(self, key: str) -> None:
        """A worker is lost: Locust need not wait for it."""
        self._here.discard(key)
        if key in self._runner.clients:
            del self._runner.clients[key]

    def workers(self) -> list[str]:
        """Locust's names for the workers that are connected."""
        clients = self._runner.clients
        return [each.id for each in (*clients.ready, *clients.running, *clients.spawning)]

    def send(self, key: str, data: bytes) -> bool | None:
        """Send a letter; False where that worker is not connected any more, None for not now."""
        socket = self._runner.server.socket
        parts = [key.encode(), Message(MESSAGE, data, key).serialize()]
        # For this letter alone: Locust's own to workers that are gone must go on to vanish.
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:  # as much is under way as the connection takes
            return None
        except zmq.ZMQError as error:
            log.debug("worker %s cannot be reached: %s", key, error)
            return False
        finally:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 0)
        return True

    def _received(self, msg: Message, **_: Any) -> None:
        if msg.data != HERE:
            self._take(msg.node_id, msg.data)
        elif self.send(msg.node_id, WELCOME) and msg.node_id not in self._here:
            self._here.add(msg.node_id)
            self._came(msg.node_id)


class WorkerPost:
    """A worker's end.

    Args:
        environment: Locust's, with a worker's runner.
        take: Called with each letter.
        cut: Called when the connection to the coordinator is closed.
    """

    def __init__(
        self, environment: Environment, take: Callable[[bytes], None], cut: Callable[[], None]
    ) -> None:
        runner: Any = environment.runner
        self._runner = runner
        self._take = take
        self._cut = cut
        self._runner.register_message(MESSAGE, self._received)
        socket = self._runner.client.socket
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        gevent.spawn(self._watch)

    def send(self, letter: Letter) -> None:
        """Send a letter; where the connection is closed it goes nowhere, and `cut` is called."""
        try:
            self._runner.send_message(MESSAGE, pack(letter))
        except RPCError as error:
            log.debug("the coordinator cannot be reached: %s", error)
            self._cut()

    def _received(self, msg: Message, **_: Any) -> None:
        self._take(msg.data)

    def _watch(self) -> None:
        while True:
            self._monitor.recv_multipart()
            self._cut()

"""What part a Locust user class plays, and the dispatcher that leaves ours alone.

A replay's users are started by the run, so Locust's dispatcher is told of none; everybody else
keeps Locust's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from locust import User
from locust.dispatch import UsersDispatcher

if TYPE_CHECKING:
    from locust.runners import WorkerNode


class Role(str, Enum):
    """What drives the load."""

    REPLAY = "replay"
    CLOSED = "closed"
    TASKS = "tasks"


def role_of(user_class: type[User]) -> Role | None:
    """The part a user class plays; None for a class that is none of ours."""
    return getattr(user_class, "role", None)


def ours(user_classes: Sequence[type[User]]) -> bool:
    """Whether any of the users is one of ours."""
    return any(role_of(user_class) is not None for user_class in user_classes)


class NoUsers(UsersDispatcher):
    """A dispatcher told to start and stop nobody, in this process or in any worker."""

    # To Locust a dispatch is always on: it would begin another for each worker that comes or goes.
    dispatch_in_progress = True

    def __init__(self, worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> None:
        """Take what Locust hands over."""
        self._workers = {node.id: dict[str, int]() for node in worker_nodes if hasattr(node, "id")}

    def add_worker(self, worker_node: WorkerNode) -> None:
        """A worker has come, and gets its rows elsewhere."""

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """A worker has gone."""

    def new_dispatch(
        self,
        target_user_count: int,
        spawn_rate: float,
        user_classes: list[type[User]] | None = None,
    ) -> None:
        """A start, or another user count from the page: the plan says how many there are."""

    def __iter__(self) -> Iterator[dict[str, dict[str, int]]]:
        # A worker that is told of no users begins the test all the same.
        return iter([self._workers] if self._workers else ())


def dispatcher(
    worker_nodes: list[WorkerNode], user_classes: Sequence[type[User]], **options: Any
) -> UsersDispatcher:
    """Locust's dispatcher, or none of it where the run starts its own users."""
    if any(role_of(user_class) in (Role.REPLAY, Role.CLOSED) for user_class in user_classes):
        return NoUsers(worker_nodes, list(user_classes))
    return UsersDispatcher(worker_nodes, list(user_classes), **options)

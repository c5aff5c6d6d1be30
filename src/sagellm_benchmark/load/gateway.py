"""A Locust user for other people's tasks: every call is streamed, stamped, recorded and counted.

In go messages; out comes the reply's text, with the same record as a replayed row.
`out.fail("why")` turns a reply that came well into a failed one, in the record and in Locust's
tables alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from locust import User
from locust.env import Environment
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_WAITING

from sagellm_benchmark.load import plugin
from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import CODES, Status

FAILED_BY_TASK = "validation"

_numbers = count()
"""Of the users of this process: of several targets each keeps to one, in turn."""


@dataclass
class Answer:
    """What a call brought.

    Attributes:
        outcome: Stamps, tokens and state.
        failure: Why the task says that it is no good, None while it does not.
    """

    outcome: Outcome
    failure: str | None = field(default=None, init=False)

    @property
    def text(self) -> str:
        """The reply's text; what came of it, where the request failed."""
        return self.outcome.text

    @property
    def ok(self) -> bool:
        """Whether the request ended well and the task has not failed it."""
        return self.outcome.status is Status.OK and self.failure is None

    def fail(self, why: str) -> None:
        """Count this request as failed, for a reason that only the task can see."""
        self.failure = why


class Gateway:
    """Calls of one user.

    Args:
        run: The run that counts them.

    Attributes:
        closed: No call begins any more.
    """

    def __init__(self, run: Callable[[], Run]) -> None:
        self._run = run
        self._number = next(_numbers)
        self.closed = False

    @contextmanager
    def chat(
        self,
        messages: list[dict[str, Any]],
        *,
        name: str | None = None,
        group: str | None = None,
        max_tokens: int | None = None,
        model: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        stop_when: Callable[[str], bool] | None = None,
    ) -> Iterator[Answer]:
        """Stream one chat completion.

        Args:
            messages: As OpenAI's API takes them.
            name: Its name in Locust's tables; the endpoint's by default.
            group: The class in the groups of the summary.
            max_tokens: The most tokens to make.
            model: Instead of `--model`.
            extra_body: Merged into the body.
            stop_when: Called with the text so far; True ends the call as a user would who leaves:
                `cancelled`, and no failure.

        Yields:
            The answer, once it has ended. The request is counted when the block is left, failed if
            the task called `fail`.
        """
        if self.closed:
            raise StopUser
        run = self._run()
        seq = run.sequence()
        job = run.requests.of_task(
            seq,
            messages=messages,
            model=model,
            max_tokens=max_tokens,
            name=name,
            group=group,
            extra_body=extra_body,
            host=self._number % len(run.targets),
        )
        thrown: list[BaseException] = []
        outcome = run.send(job, stop_when=stop_when, thrown=thrown)
        if outcome is None:
            raise StopUser
        if thrown:  # a kill, or the task's own timeout: it ended the request, now it goes on
            run.report(seq, job, outcome)
            raise thrown[0]
        answer = Answer(outcome)
        try:
            yield answer
        finally:
            run.report(seq, job, _judged(answer, run.secrets))


def _judged(answer: Answer, secrets: tuple[str, ...]) -> Outcome:
    outcome = answer.outcome
    if answer.failure is not None and outcome.status is Status.OK:
        outcome.status = Status.MALFORMED
        outcome.reason = FAILED_BY_TASK
        outcome.code = CODES[Status.MALFORMED]
        outcome.message = snippet(answer.failure, secrets=secrets)
    return outcome


class GatewayUser(User):
    """A user whose tasks call the model: `with self.gateway.chat(messages) as out: …`."""

    abstract = True
    role = Role.TASKS

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.gateway = Gateway(lambda: plugin.current_run(environment))

    def stop(self, force: bool = False) -> bool:
        """As Locust does, which kills a user that waits and lets one at work finish its task."""
        # The wait may be over before the kill lands: a call begun in between would be cut off.
        self.gateway.closed = self._state == LOCUST_STATE_WAITING
        return super().stop(force)

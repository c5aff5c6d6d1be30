"""Token counts of replies by a tokenizer, made beside the load.

In: outcomes with all that was said. Out: the same with their tokens, and then the caller's report.
To read a text takes some microseconds a token, and no socket may wait for that: it is done in one
thread, which lets the loop run meanwhile, one reply after the other. Whoever sent the request does
not wait for its count, and no count is lost: `settle` waits for all.
"""

from __future__ import annotations

from collections.abc import Callable

from gevent.pool import Group
from gevent.threadpool import ThreadPool

from sagellm_benchmark.record.recount import recount
from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.speech import Speech


class Recounts:
    """The counts of one run.

    Args:
        tokenizer: Who counts.
        always: Count also where the server did.
    """

    def __init__(self, tokenizer: Tokenizer, *, always: bool) -> None:
        self._tokenizer = tokenizer
        self._always = always
        self._thread = ThreadPool(1)
        self._waiting = Group()

    def count(self, outcome: Outcome, report: Callable[[], None]) -> None:
        """Count a reply's tokens if nobody else has, then report it; returns at once."""
        speech, outcome.speech = outcome.speech, None
        known = outcome.output_tokens is not None and not self._always
        if speech is None or not speech.characters or known:
            report()
            return
        self._waiting.spawn(self._finish, outcome, speech, report)

    def settle(self) -> None:
        """Wait until everything is counted and reported, and end the thread."""
        self._waiting.join()
        self._thread.kill()

    def _finish(self, outcome: Outcome, speech: Speech, report: Callable[[], None]) -> None:
        # Waits for the thread here: the caller may be killed, this greenlet is nobody else's.
        task = self._thread.spawn(recount, speech, outcome.chunks, self._tokenizer)
        outcome.frame_tokens = task.get()
        report()

"""One request whose answer goes wrong: ties its exchange, its rule and the connection together.

The dialect answers as always, but into a `Tap`; a task of this request's own takes the reply from
there, changes it as the rule says and sends it. The exchange ends when that is done, or when the
connection is lost, which also ends the task. Its stamps and counts are then those of what was sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.fault_changes import changed
from sagellm_benchmark.sim.fault_http import INSTEAD, NOT_HTTP, frame, instead
from sagellm_benchmark.sim.fault_kinds import KINDS
from sagellm_benchmark.sim.fault_reply import Framing, Parts, Reply, Tap
from sagellm_benchmark.sim.fault_wire import Cut, Part, Place, Wire, silence
from sagellm_benchmark.sim.faults import Rule
from sagellm_benchmark.sim.validation import compact

_COMMENT = Part(data=b": keepalive\n\n")


class Mischief:
    """One faulty answer.

    Args:
        exchange: The exchange; what it writes and how it ends comes here from now on.
        rule: What is to go wrong.
    """

    def __init__(self, exchange: Exchange, rule: Rule) -> None:
        exchange.fault = rule.kind
        self._exchange = exchange
        self._kind = rule.kind
        self._values = rule.values
        self._tap = Tap(exchange)
        transport, self._on_end = exchange.divert(self._tap, self._answered)
        self._wire = Wire(transport)  # type: ignore[arg-type]  # nothing stands before it yet
        self._over = False

    def begin(
        self, answer: Callable[[Exchange], None], dialect: str, default_tokens: int
    ) -> asyncio.Task[None]:
        """Let the request be answered and start to send.

        Args:
            answer: Answers it as always.
            dialect: In whose words errors are told.
            default_tokens: Length of a reply whose request names none.

        Returns:
            The task that sends.
        """
        self._task = asyncio.create_task(self._send())
        if self._kind in INSTEAD:
            instead(self._kind, self._exchange, self._values, dialect)
        elif self._kind != "not_http":
            if self._kind in ("short", "empty"):
                _ask_for_less(self._exchange, self._values.get("tokens", 1), default_tokens)
            answer(self._exchange)
        return self._task

    def _answered(self, exchange: Exchange) -> None:
        if self._over:
            return
        if exchange.end == "complete":
            # As far as the dialect knows. Nothing is complete before it is sent.
            exchange.end = None
            self._tap.close()
        else:
            self._task.cancel()
            self._end(exchange.end)

    async def _send(self) -> None:
        end = "complete"
        try:
            await self._send_reply()
        except Cut:
            end = "died"
        self._end(end)

    def _end(self, end: str) -> None:
        exchange, wire = self._exchange, self._wire
        self._over = True
        exchange.end = end
        exchange.token_ns = wire.token_ns
        exchange.head_ns, exchange.done_ns = wire.first_ns, wire.last_ns
        exchange.sent_bytes = wire.sent
        if not wire.sent:
            exchange.status = None
        self._on_end(exchange)

    async def _send_reply(self) -> None:
        wire = self._wire
        if self._kind == "not_http":
            await wire.write(Part(data=NOT_HTTP))
            await wire.close()
        reply = await self._tap.reply()
        frame(self._kind, reply, self._values)
        framing = reply.framing
        self._arm(reply)
        parts = changed(self._kind, reply, self._values)
        if framing.encoder is not None:
            parts = framing.encoded(parts)
        size = 0
        if framing.delimiter == "length":
            body = b"".join([part.data async for part in parts])
            size, parts = len(body), _once(body)
        await wire.write(framing.head(reply.head, size))
        async for part in parts:
            await wire.write(framing.frame(part))
        await wire.write(framing.end())
        await wire.finish()

    def _arm(self, reply: Reply) -> None:
        """Tell the wire what to do, and where."""
        kind, values, wire = self._kind, self._values, self._wire
        if kind == "split":
            wire.step, wire.pause_s = values["bytes"], values["interval_ms"] / 1000
        if not KINDS[kind].place:
            return
        tokens, size = values["after_tokens"], values.get("after_bytes")
        if tokens is None or not reply.streamed:
            place = Place(bytes=size or 0)
        else:
            place = Place(tokens=tokens)
        wire.arm(place, lambda: self._act(reply.framing))

    async def _act(self, framing: Framing) -> None:
        kind, values, wire = self._kind, self._values, self._wire
        if kind == "reset":
            await wire.reset()
        elif kind == "close":
            await wire.close(half=values["half"])
        elif kind == "stall":
            await silence(values["seconds"])
        elif kind == "drip":
            wire.step, wire.pause_s = 1, values["interval_ms"] / 1000
        else:
            while True:
                await wire.write(framing.frame(_COMMENT))
                await asyncio.sleep(values["interval_ms"] / 1000)


async def _once(body: bytes) -> Parts:
    yield Part(data=body)


def _ask_for_less(exchange: Exchange, tokens: int, default: int) -> None:
    """Change the request so that the model is asked for no more than so many tokens."""
    request = exchange.request
    try:
        asked = json.loads(request.body)
    except ValueError:
        return  # Whoever answers will say so.
    if not isinstance(asked, dict):
        return
    limit = "max_completion_tokens" if "max_completion_tokens" in asked else "max_tokens"
    given = asked.get(limit) or default
    if isinstance(given, int) and given > 0:
        asked[limit] = min(given, tokens)
        asked.pop("min_tokens", None)
        request.body = compact(asked)

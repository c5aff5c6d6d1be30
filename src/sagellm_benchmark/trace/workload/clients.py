"""The clients of a workload: when they send, and what.

In: a Client of the specification and random numbers. Out: Sources. A source knows the times of its
arrivals, and makes the row of each: lengths, block ids, and what is drawn once a session. Later
turns of a session are sources of one more row each. Nothing is kept but live sessions.

Block ids: a node of the prefix tree has the same ids wherever it is used; all others are new,
taken from a counter that a whole workload shares. A turn repeats the full blocks of the turn
before it, and writes the partial last one anew: its content has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any

from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.workload.draws import Draws, drawn
from sagellm_benchmark.trace.workload.laws import as_law, ranked, weighted, whole
from sagellm_benchmark.trace.workload.spec import Choice, Client, Level, Priorities

FIRST_TOKEN_S = 0.5
TOKEN_S = 0.02
"""How long a reply is taken to last, where a later turn needs an arrival time of its own."""

Sizes = Callable[[float], tuple[int, int]]
"""Input and output tokens of the next request, which arrives at a second."""


Pairs = Sequence[tuple[int, int]]
"""Input and output tokens of requests."""


class Blocks:
    """Hands out block ids.

    Args:
        size: Tokens of a block.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._next = 0

    def take(self, many: int) -> range:
        """New ids, never given before."""
        first = self._next
        self._next += many
        return range(first, self._next)


class Tree:
    """A tree of shared prefixes.

    Args:
        levels: From the root on.
        blocks: Where the nodes' ids come from.
        draws: What the nodes are chosen with.
        most: Values to draw ahead.
    """

    def __init__(self, levels: list[Level], blocks: Blocks, draws: Draws, most: int) -> None:
        self.tokens = sum(level.tokens for level in levels)
        self._levels = []
        nodes = 1
        for depth, level in enumerate(levels):
            nodes *= level.count
            each = level.tokens // blocks.size
            chosen = ranked(level.skew, level.count, draws.named("prefix", depth))
            first = blocks.take(nodes * each).start
            self._levels.append((level.count, each, first, drawn(chosen, most)))

    def path(self) -> list[int]:
        """The ids of one prompt's prefix."""
        ids: list[int] = []
        node = 0
        for children, each, first, chosen in self._levels:
            node = node * children + next(chosen)
            ids += range(first + node * each, first + (node + 1) * each)
        return ids


@dataclass
class Marks:
    """What is drawn once a session and stands in all its rows; None is not written."""

    model: Iterator[str | None]
    tenant: Iterator[str | None]
    lora: Iterator[str | None]
    request_class: Iterator[str | None]
    priority: Iterator[int | None]
    constant: dict[str, Any] = field(default_factory=dict)

    def draw(self) -> dict[str, Any]:
        """The marks of the next session, as fields of a row."""
        return {
            "model": next(self.model),
            "tenant_id": next(self.tenant),
            "lora_adapter": next(self.lora),
            "request_class": next(self.request_class),
            "priority": next(self.priority),
            **self.constant,
        }


def marks(client: Client, draws: Draws, most: int, user_id: str | None) -> Marks:
    """What a client's sessions are marked with."""

    def choices(name: str, value: str | Choice | None) -> Iterator[str | None]:
        if not isinstance(value, Choice):
            return repeat(value)
        named = draws.named(name)
        if value.zipf is not None:
            ranks = ranked(value.zipf.skew, value.zipf.count, named)
            return (f"{value.zipf.name}{1 + rank}" for rank in drawn(ranks, most))
        texts = list(value.mix)
        places = drawn(weighted(list(value.mix.values()), named), most)
        return (None if texts[place] == "none" else texts[place] for place in places)

    priority = client.priority
    priorities: Iterator[int | None] = repeat(None)
    if isinstance(priority, Priorities):
        values = list(priority.mix)
        places = drawn(weighted(list(priority.mix.values()), draws.named("priority")), most)
        priorities = (values[place] for place in places)
    elif priority is not None:
        priorities = repeat(priority)
    constant = {"operation": client.operation, "user_id": user_id}
    return Marks(
        model=choices("model", client.model),
        tenant=choices("tenant", client.tenant),
        lora=choices("lora", client.lora),
        request_class=choices("class", client.request_class),
        priority=priorities,
        constant={key: value for key, value in constant.items() if value is not None},
    )


def sizes(client: Client, pairs: Pairs | None, draws: Draws, most: int) -> Sizes:
    """Draw input and output apart, or in pairs."""
    if pairs is not None:
        uniform = draws.named("pair").uniform
        places = drawn(lambda many: (uniform(many) * len(pairs)).astype(int), most)
        return lambda _: pairs[next(places)]
    inputs = drawn(whole(client.input_tokens, draws.named("input")), most)
    if client.output_tokens is None:
        return lambda _: (next(inputs), 0)
    outputs = drawn(whole(client.output_tokens, draws.named("output")), most)
    return lambda _: (next(inputs), next(outputs))


class Source:
    """One client.

    Args:
        client: Its specification.
        name: What its sessions are named after.
        sizes: Of its requests.
        tree: Its prefixes.
        marks: What its sessions are marked with.
        blocks: Where block ids come from; None where rows have none.
        draws: For turns and thoughts.
        most: Values to draw ahead.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        sizes: Sizes,
        tree: Tree,
        marks: Marks,
        blocks: Blocks | None,
        draws: Draws,
        most: int,
    ) -> None:
        self._name = name
        self._sizes = sizes
        self._tree = tree
        self._marks = marks
        self._blocks = blocks
        self._context = client.context_tokens
        self._numbers = count(1)
        self._turns = self._thoughts = None
        if client.sessions is not None:
            turns, thoughts = client.sessions.turns, client.sessions.think_s
            self._turns = drawn(whole(turns, draws.named("turns")), most)
            self._thoughts = drawn(as_law(thoughts).sampler(draws.named("think")), most)

    def arrival(self, request_id: str, second: float) -> tuple[Row, Session | None]:
        """Make the row of an arrival, and what of its session is left."""
        tokens, reply = self._sizes(second)
        if self._context is not None:
            tokens, reply = self._cut(self._tree.tokens, tokens, reply)
        marked = self._marks.draw()
        prompt = self._tree.tokens + tokens
        row = Row(
            request_id=request_id,
            arrival_time_s=second,
            input_tokens=prompt,
            output_tokens=reply or None,
            **marked,
        )
        turns = 1 if self._turns is None else next(self._turns)
        if self._blocks is not None:
            ids = self._tree.path()
            ids += self._blocks.take(-(-prompt // self._blocks.size) - len(ids))
            row.prefix_block_ids = ids
        if self._turns is None:
            return row, None
        row.session_id, row.turn_index = f"{self._name}-{next(self._numbers)}", 0
        return row, self._rest(row, marked, turns - 1)

    def turn(self, request_id: str, second: float, left: Session) -> tuple[Row, Session | None]:
        """Make the row of a later turn, and what is then left."""
        prompt = left.history + left.tokens
        row = Row(
            request_id=request_id,
            arrival_time_s=second,
            session_id=left.session_id,
            turn_index=left.turn_index,
            depends_on=[left.request_id],
            think_time_s=left.think_s,
            relation="continue",
            input_tokens=prompt,
            output_tokens=left.reply,
            prefix_block_ids=[
                *left.blocks,
                *self._blocks.take(-(-prompt // self._blocks.size) - len(left.blocks)),
            ],
            **left.marked,
        )
        return row, self._rest(row, left.marked, left.turns - 1)

    def _rest(self, row: Row, marked: dict[str, Any], turns: int) -> Session | None:
        """What follows a turn; a turn that the context has no room for ends the session."""
        if turns < 1:
            return None
        answered_s = row.arrival_time_s + FIRST_TOKEN_S + TOKEN_S * row.output_tokens
        think_s = round(max(0.0, next(self._thoughts)), 3)
        second = answered_s + think_s
        tokens, reply = self._sizes(second)
        history = row.input_tokens + row.output_tokens
        if self._context is not None and history + tokens + reply > self._context:
            return None
        return Session(
            source=self,
            second=second,
            request_id=row.request_id,
            session_id=row.session_id,
            turn_index=row.turn_index + 1,
            blocks=row.prefix_block_ids[: row.input_tokens // self._blocks.size],
            marked=marked,
            turns=turns,
            think_s=think_s,
            history=history,
            tokens=tokens,
            reply=reply,
        )

    def _cut(self, shared: int, tokens: int, reply: int) -> tuple[int, int]:
        """Cut a first turn to the context: the reply to what leaves a token of input, then it."""
        room = self._context - shared
        reply = min(reply, room - 1)
        return min(tokens, room - reply), reply


@dataclass(slots=True)
class Session:
    """A session between two turns; it keeps no row, since whoever reads rows may change them.

    Attributes:
        source: Whose it is.
        second: When its next turn comes.
        request_id: Of its last turn.
        session_id: Its name.
        turn_index: Of its next turn.
        blocks: The full blocks of its last prompt.
        marked: What all its rows are marked with.
        turns: Turns left.
        think_s: Before the next.
        history: Tokens of the last turn's prompt and reply.
        tokens: What the next turn adds.
        reply: Tokens of its reply.
    """

    source: Source
    second: float
    request_id: str
    session_id: str
    turn_index: int
    blocks: list[int]
    marked: dict[str, Any]
    turns: int
    think_s: float
    history: int
    tokens: int
    reply: int

"""The workers of one run, and who of them sends what: the books of a run over many processes.

In: the plan, letters from workers, the time. Out: letters to workers, records, and rows that are
lost. What always holds: a row is handed to one worker and to no other, ever; each has one record,
its worker's or one that says `lost`. No greenlet, no socket and no clock of its own: whoever calls
`step` and `receive` may be a test.
"""

from __future__ import annotations

from collections.abc import Callable

from sagellm_benchmark.clock import NS_PER_S, Anchor
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.cluster import letters
from sagellm_benchmark.load.cluster.hands import Hands
from sagellm_benchmark.load.cluster.member import Member, State, divide
from sagellm_benchmark.load.cluster.ports import Keeper, Post
from sagellm_benchmark.load.share import Share

AHEAD_NS = 2 * NS_PER_S
"""So long before it is due a row is handed out."""

PING_NS = NS_PER_S // 2
TRIPS = 8
"""Round trips before a worker's clock is known well enough to begin."""

SILENT_NS = 60 * NS_PER_S
"""A worker that is connected and says nothing for so long is given up."""

GRACE_S = 10.0
"""Beyond the stop timeout, for the last records to come."""

_STOOD_STILL_NS = NS_PER_S
_GATHER_NS = NS_PER_S // 4
"""So long rows, and news of records that have arrived, wait for others to go with them."""

_SLICE_ROWS = 2000


class Crew:
    """The workers of one run.

    Args:
        run: Its name.
        post: Carries letters.
        keeper: Keeps records.
        begin: Writes the letter that a worker begins with.
        hands: Takes the plan's rows; None for a user's own tasks, which are in no plan.
        share: The limits of the whole run.

    Attributes:
        members: By Locust's name for each, all that ever took part.
        origin_ns: Second 0 of the run by our clock; None until `go`.
        events: What happened that a person should know; the caller takes them away.
    """

    def __init__(
        self,
        run: str,
        post: Post,
        keeper: Keeper,
        begin: Callable[[str, int], letters.Begin],
        hands: Hands | None,
        share: Share,
    ) -> None:
        self.run = run
        self.members: dict[str, Member] = {}
        self.origin_ns: int | None = None
        self.events: list[str] = []
        self._post = post
        self._keeper = keeper
        self._begin = begin
        self._hands = hands
        self._share = share
        self._anchor: Anchor | None = None
        self._ended = False
        self._finishing: letters.Finish | None = None
        self._deadline_ns: int | None = None
        self._pinged_ns = 0
        self._stepped_ns: int | None = None

    # Who takes part

    def invite(self, key: str, host: str, moment_ns: int) -> Member:
        """Ask a worker to get ready; it may come while the run is on."""
        number = len(self.members)
        member = Member(key, f"{host}-{number + 1}", moment_ns)
        self.members[key] = member
        self._send(member, self._begin(member.name, number))
        return member

    @property
    def running(self) -> list[Member]:
        """Those that send, in the order in which they joined."""
        return [m for m in self.members.values() if m.state is State.RUNNING]

    @property
    def over(self) -> bool:
        """Whether all that sent have ended, or are gone."""
        begun = self.origin_ns is not None or self._finishing is not None
        return begun and not self.running

    # Start

    def go(self, origin_ns: int, anchor: Anchor) -> None:
        """All who are ready start; who gets ready later joins in."""
        self.origin_ns, self._anchor = origin_ns, anchor
        for member in self.members.values():
            if member.state is State.READY:
                member.state = State.RUNNING
                member.clock.freeze()
        divide(self._share, self.running)
        for member in self.running:
            self._start(member)

    def _start(self, member: Member) -> None:
        self._send(member, member.go(self.run, self.origin_ns, self._anchor))

    def _divide_again(self, *but: Member) -> None:
        for member in divide(self._share, self.running):
            if member not in but:
                self._send(member, letters.Resize(run=self.run, share=member.share))

    # What time does

    def step(self, moment_ns: int) -> None:
        """Do what is due: hand out rows, ask after each worker, give up those that are gone."""
        if self._stepped_ns is not None and moment_ns - self._stepped_ns > _STOOD_STILL_NS:
            for member in self.members.values():  # we were away, and heard nobody meanwhile
                member.heard_ns += moment_ns - self._stepped_ns
        self._stepped_ns = moment_ns
        if moment_ns - self._pinged_ns >= PING_NS:
            self._pinged_ns = moment_ns
            for member in list(self.members.values()):
                self._look_after(member, moment_ns)
        if self.origin_ns is not None and not self._ended and self._hands is not None:
            self._hand_out(moment_ns)
        if self._deadline_ns is not None and moment_ns > self._deadline_ns:
            for member in self.running:
                self._lose(member, "it did not report in time at the end")

    def _look_after(self, member: Member, moment_ns: int) -> None:
        if member.state in (State.DONE, State.LOST):
            return
        if member.acked != member.inbox.offset:
            self._acknowledge(member, moment_ns, again=False)
        if moment_ns - member.heard_ns > SILENT_NS:
            self._lose(member, f"it was silent for {SILENT_NS // NS_PER_S} s")
        else:
            self._send(member, letters.Ping(run=self.run, sent_ns=moment_ns))

    # Rows

    def _hand_out(self, moment_ns: int) -> None:
        horizon_ns = moment_ns - self.origin_ns + AHEAD_NS
        running = self.running
        for _ in range(_SLICE_ROWS):
            taken = self._hands.next(horizon_ns, running, moment_ns)
            if taken is None:
                break
            member, rows = taken
            for handed in rows:
                if member.hold(handed) >= letters.LETTER_BYTES:
                    self._send_rows(member)
        for member in running:
            self._post_to(member)
            if member.outgoing and self._is_urgent(member, moment_ns):
                self._send_rows(member)
        if self._hands.over:
            self._ended = True
            for member in self.running:
                self._send_rows(member)
                self._send(member, letters.Last(run=self.run))

    def _is_urgent(self, member: Member, moment_ns: int) -> bool:
        """Whether its rows must go now: a letter costs more than the rows in it."""
        due_ns = member.outgoing_due_ns
        return due_ns is None or self.origin_ns + due_ns - moment_ns < AHEAD_NS - _GATHER_NS

    def _send_rows(self, member: Member) -> None:
        if member.outgoing:
            packed = letters.pack_rows(member.take_outgoing())
            self._send(member, letters.Rows(run=self.run, packed=packed))

    # End

    def finish(self, timeout_s: float, moment_ns: int) -> None:
        """Hand out no more; what is on the wire may take so long. A second call changes nothing."""
        if self._finishing is not None:
            return
        self._ended = True
        self._finishing = letters.Finish(run=self.run, timeout_s=timeout_s)
        self._deadline_ns = moment_ns + round((timeout_s + GRACE_S) * NS_PER_S)
        for member in list(self.members.values()):
            if member.state in (State.DONE, State.LOST):
                continue
            if member.state is not State.RUNNING:
                member.state = State.LOST  # it has got ready for nothing
            self._send(member, self._finishing)

    def stop_handing(self) -> None:
        """Hand out no more, and let what was handed out be sent."""
        self._ended = True

    # Letters

    def receive(self, key: str, data: bytes, moment_ns: int) -> None:
        """Take a worker's letter."""
        member = self.members.get(key)
        try:
            letter = letters.from_worker(data)
        except UsageError as error:
            if member is not None and member.state is State.INVITED:
                member.why, member.state = str(error), State.LOST
            return
        if member is None or letter.run != self.run:
            return
        if member.state is State.LOST:
            if isinstance(letter, letters.Stalled):
                self._send(member, letters.GoOn(run=self.run, allowed=False))
            return
        member.heard_ns = moment_ns
        self._take(member, letter, moment_ns)

    def _take(self, member: Member, letter: letters.FromWorker, moment_ns: int) -> None:
        match letter:
            case letters.Batch():
                self._take_records(member, letter, moment_ns)
            case letters.Pong():
                member.clock.add(letter.sent_ns, letter.at_ns, moment_ns)
                if member.state is State.INVITED and member.checked:
                    self._trip(member, moment_ns)
            case letters.Pulse():
                member.pulse = letter
            case letters.Ready():
                self._is_ready(member, letter, moment_ns)
            case letters.Stalled():
                self._send(member, letters.GoOn(run=self.run, allowed=True))
            case letters.Done():
                member.done = letter
                self._is_done(member)

    def _is_ready(self, member: Member, letter: letters.Ready, moment_ns: int) -> None:
        if letter.problem is not None:
            member.why, member.state = letter.problem, State.LOST
            return
        member.checked = True
        self._trip(member, moment_ns)

    def _trip(self, member: Member, moment_ns: int) -> None:
        """One round trip after the other, until its clock is known."""
        if member.clock.trips < TRIPS:
            self._send(member, letters.Ping(run=self.run, sent_ns=moment_ns))
            return
        member.state = State.READY
        if self.origin_ns is not None and not self._ended:
            member.state = State.RUNNING
            member.clock.freeze()
            self._divide_again(member)
            self._start(member)
            self.events.append(f"worker {member.name} joined")

    def _take_records(self, member: Member, letter: letters.Batch, moment_ns: int) -> None:
        lines, gap = member.inbox.take(letter.offset, letter.data)
        for line in lines:
            seq = self._keeper.keep(line)
            member.reported(seq)
        self._acknowledge(member, moment_ns, again=gap)
        self._is_done(member)

    def _acknowledge(self, member: Member, moment_ns: int, *, again: bool) -> None:
        """Say what has arrived: at once where the worker waits for it, else now and then."""
        waits = again or self._ended or member.inbox.offset - member.acked > letters.LETTER_BYTES
        if waits or moment_ns - member.acked_ns > _GATHER_NS:
            member.acked, member.acked_ns = member.inbox.offset, moment_ns
            self._send(member, letters.Ack(run=self.run, offset=member.acked, again=again))

    def _is_done(self, member: Member) -> None:
        """A worker is done when it says so and all that it wrote is here."""
        done = member.done
        if member.state is not State.RUNNING or done is None or member.inbox.offset < done.bytes:
            return
        if done.left is not None:
            self._lose(member, done.left)
            return
        member.state = State.DONE
        missing = done.planned - member.recorded
        for planned in list(member.held.values())[: max(missing, 0)]:
            self._keeper.lose(planned, member)  # its disk is full
            member.lost += 1
        member.recorded += member.lost
        member.held.clear()

    def _lose(self, member: Member, why: str) -> None:
        """A worker is gone: what it held and did not report is lost; the others go on."""
        before, member.state = member.state, State.LOST
        member.why = why
        self._post.gone(member.key)
        if before is not State.RUNNING:
            return
        self.events.append(
            f"worker {member.name} is lost: {why}; it held {len(member.held)} requests that it "
            "has not reported"
        )
        held, member.held = member.held, {}
        for planned in held.values():
            self._keeper.lose(planned, member)
        member.lost += len(held)
        if self._hands is not None:
            self._hands.forget(member, held)
        if not self._ended:
            self._divide_again()

    def _send(self, member: Member, letter: letters.Letter) -> None:
        member.letters.append(letters.pack(letter))
        self._post_to(member)

    def _post_to(self, member: Member) -> None:
        """Send what waits for a worker, in order, as far as its connection takes it."""
        while member.letters:
            sent = self._post.send(member.key, member.letters[0])
            if sent is None:
                return
            if not sent:
                member.letters.clear()
                if member.state is not State.LOST:
                    self._lose(member, "its connection is closed")
                return
            member.letters.popleft()

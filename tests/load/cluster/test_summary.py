"""What workers send, however it is cut and in whatever order it comes, gives one summary."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics.runs import facts, mixed_run, summary_of

from sagellm_benchmark.load.cluster.crew import PING_NS, Crew
from sagellm_benchmark.load.cluster.letters import Ack, Batch, pack, to_worker
from sagellm_benchmark.load.cluster.member import State
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.summary import summarize
from sagellm_benchmark.record.brief import Brief
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.recorder import Recorder
from sagellm_benchmark.record.segments import SegmentWriter, read_records

RUN = "r"
RECORDS = mixed_run(120, seed=7)
EXPECTED = summary_of(RECORDS)


class Keeper:
    """Keeps records as a run of workers does; carries letters back to who sent them."""

    def __init__(self, folder, kind):
        self.columns = Columns()
        self.segment = SegmentWriter(folder, "workers")
        self.recorder = Recorder(self.segment, (self.columns.add,))
        self.gaps = {}
        self._decode = msgspec.json.Decoder(kind).decode

    def keep(self, line):
        """A worker's record; its number."""
        record = self._decode(line)
        self.recorder.add(record, line)
        return record.seq

    def lose(self, planned, member):
        """None is lost here."""
        raise AssertionError(planned)

    def send(self, key, data):
        """A letter for a worker."""
        letter = to_worker(data)
        if isinstance(letter, Ack):
            self.gaps[key] = letter.again
        return True

    def gone(self, key):
        """Nobody goes."""
        raise AssertionError(key)


def split(dice, workers):
    """The records as the segments of so many workers, each in the order in which it ended them."""
    segments = [b""] * workers
    for record in dice.sample(RECORDS, len(RECORDS)):
        segments[dice.randrange(workers)] += msgspec.json.encode(record) + b"\n"
    return segments


def deliver(dice, crew, keeper, segments):
    """Send all of it in pieces, of which some come twice and some are lost on their way."""
    sent = dict.fromkeys(range(len(segments)), 0)
    moment_ns, left = 0, list(sent)
    while left:
        moment_ns += PING_NS + 1
        worker = dice.choice(left)
        key, segment, offset = f"w{worker}", segments[worker], sent[worker]
        piece = segment[offset : offset + dice.choice([1, 100, 5000, 20000])]
        for _ in range(dice.choice([0, 1, 1, 1, 2])):
            crew.receive(key, pack(Batch(run=RUN, offset=offset, data=piece)), moment_ns)
        crew.step(moment_ns)  # what has arrived is acknowledged now and then
        sent[worker] += len(piece)
        there = crew.members[key].acked
        if keeper.gaps.pop(key, False) or sent[worker] == len(segment):
            sent[worker] = there  # so does a worker that was told, or waited for long
        if there == len(segment):
            left.remove(worker)


@pytest.mark.parametrize("kind", [Brief, RequestRecord])
@pytest.mark.parametrize("workers", [1, 2, 4])
@settings(derandomize=True, deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_the_summary_does_not_depend_on_who_sent(tmp_path_factory, workers, kind, seed):
    """Records of 1, 2 or 4 workers, in any order, cut anywhere: the same, live and on disk."""
    keeper = Keeper(tmp_path_factory.mktemp("run"), kind)
    crew = Crew(RUN, keeper, keeper, lambda name, number: Ack(run=RUN, offset=0), None, Share())
    for number in range(workers):
        crew.invite(f"w{number}", "host", 0).state = State.RUNNING
    dice = random.Random(seed)
    deliver(dice, crew, keeper, split(dice, workers))
    keeper.recorder.close()
    assert sum(member.recorded for member in crew.members.values()) == len(RECORDS)
    run = facts(len(RECORDS))
    assert summarize(keeper.columns, run) == EXPECTED
    offline = Columns()
    for record in read_records([keeper.segment.path]):
        offline.add(record)
    assert summarize(offline, run) == EXPECTED

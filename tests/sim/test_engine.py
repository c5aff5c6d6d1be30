"""The engines in virtual time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.sim.engine import BatchingEngine, Costs, FixedEngine, Job
from sagellm_benchmark.sim.prefix_cache import block_hashes

COSTS = Costs(prefill_base_ns=1000, prefill_token_ns=10, step_base_ns=100, step_request_ns=7)


def batching(kv_tokens=100_000, max_batch=100):
    """Make an engine with the costs above."""
    return BatchingEngine(COSTS, kv_tokens=kv_tokens, max_batch=max_batch)


def drive(engine, submissions, cancellations=()):
    """Run an engine to its end in virtual time; return the times of each job's tokens."""
    times = {id(job): [] for _, job in submissions}
    happenings = [(at, 0, job) for at, job in submissions]
    happenings += [(at, 1, job) for at, job in cancellations]
    happenings.sort(key=lambda happening: happening[:2])
    while happenings or engine.next_ns is not None:
        if happenings and (engine.next_ns is None or happenings[0][0] < engine.next_ns):
            at, kind, job = happenings.pop(0)
            (engine.cancel if kind else lambda job, at=at: engine.submit(job, at))(job)
        else:
            at = engine.next_ns
            for job in engine.advance(at):
                times[id(job)].append(at)
    return [times[id(job)] for _, job in submissions]


def test_the_fixed_engine_keeps_each_stream_on_its_own_clock():
    """Token k is due at submission + ttft + k * itl, however many streams there are."""
    submissions = [(at, Job(10, 5)) for at in range(0, 3000, 7)]
    times = drive(FixedEngine(300, 20), submissions)
    assert times == [[at + 300 + k * 20 for k in range(5)] for at, _ in submissions]


def test_the_fixed_engine_catches_up_without_moving_the_clock():
    """A late call returns every token that came due, and the next one keeps its time."""
    engine = FixedEngine(300, 20)
    job = Job(10, 5)
    engine.submit(job, 0)
    assert engine.advance(345) == [job, job, job]
    assert engine.next_ns == 360


def test_the_fixed_engine_stops_a_cancelled_stream():
    """After a cancellation no token is made and the engine is idle."""
    job = Job(10, 5)
    assert drive(FixedEngine(300, 20), [(0, job)], [(325, job)]) == [[300, 320]]


def test_a_job_alone_waits_for_its_prefill_and_then_decodes():
    """First token after base + tokens * price; then one step of base + one request per token."""
    (times,) = drive(batching(), [(50, Job(20, 4))])
    assert times == [1250 + k * 107 for k in range(4)]


def test_decode_steps_grow_with_the_batch():
    """Jobs that run together share steps of base + price * size."""
    times = drive(batching(), [(0, Job(1, 3)), (0, Job(1, 3)), (0, Job(1, 2))])
    assert times[0] == times[1] == [1030, 1030 + 121, 1030 + 121 + 114]
    assert times[2] == [1030, 1151]


def test_a_long_prompt_is_felt_by_those_who_decode():
    """The step that prefills a prompt lasts longer for everybody in it."""
    first, second = drive(batching(), [(0, Job(1, 30)), (2000, Job(500, 1))])
    gaps = [later - earlier for earlier, later in pairwise(first)]
    assert sorted(set(gaps)) == [107, 107 + 5000]
    assert second[0] in first


def test_jobs_wait_for_kv_capacity_in_order():
    """What does not fit waits for room, and nothing overtakes it."""
    big, huge, small = Job(50, 10), Job(60, 10), Job(5, 1)
    times = drive(batching(kv_tokens=100), [(0, big), (1, huge), (2, small)])
    assert times[1][0] > times[0][-1]
    assert times[2][0] == times[1][0]


def test_jobs_wait_for_a_place_in_the_batch():
    """No more than max_batch jobs run at a time."""
    times = drive(batching(max_batch=1), [(0, Job(1, 3)), (0, Job(1, 3))])
    assert times[1][0] > times[0][-1]


def test_a_job_larger_than_the_cache_is_known_before_it_is_submitted():
    """`fits` counts prompt and output."""
    engine = batching(kv_tokens=100)
    assert engine.fits(Job(90, 10))
    assert not engine.fits(Job(91, 10))


def test_a_known_prefix_shortens_the_prefill():
    """Only tokens that no earlier prompt began with are computed."""
    words = [f"w{k}" for k in range(200)]
    prompts = [words, words[:128] + ["else"] * 72, ["else"] * 200]
    jobs = [Job(200, 1, block_hashes(prompt)) for prompt in prompts]
    times = drive(batching(), [(at, job) for at, job in zip((0, 5000, 10000), jobs, strict=True)])
    assert [job.cached_tokens for job in jobs] == [0, 128, 0]
    assert times == [[3000], [5000 + 1000 + 720], [13000]]


def test_a_cancelled_job_frees_what_it_held():
    """Its KV room goes to the next job and it gets no further token."""
    held, waiting = Job(90, 10), Job(90, 1)
    times = drive(batching(kv_tokens=100), [(0, held), (0, waiting)], [(1950, held)])
    assert times[0] == [1900]
    assert len(times[1]) == 1


def test_a_job_cancelled_while_waiting_never_runs():
    """It is passed over and blocks nobody."""
    engine = batching(max_batch=1)
    jobs = [Job(1, 3), Job(1, 3), Job(1, 3)]
    times = drive(engine, [(0, job) for job in jobs], [(5, jobs[1])])
    assert [len(each) for each in times] == [3, 0, 3]
    assert engine.figures()["waiting"] == 0


JOBS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=30
)


@settings(derandomize=True, deadline=None)
@given(JOBS, st.integers(1, 5), st.integers(80, 300))
def test_every_job_gets_its_tokens_and_leaves_nothing_behind(rows, max_batch, kv_tokens):
    """Any load ends with each job complete, in order of time, and the engine empty."""
    engine = batching(kv_tokens, max_batch)
    submissions = [(at, Job(prompt, output)) for at, prompt, output in sorted(rows)]
    times = drive(engine, submissions)
    for (at, job), own in zip(submissions, times, strict=True):
        assert len(own) == job.output_tokens
        assert own == sorted(set(own))
        assert own[0] >= at + COSTS.prefill_base_ns
    firsts = [own[0] for own in times]
    assert firsts == sorted(firsts)
    assert engine.figures()["running"] == engine.kv_used == 0


@settings(derandomize=True, deadline=None)
@given(JOBS, st.integers(1, 3000))
def test_calling_late_changes_nothing(rows, lateness):
    """An engine that is asked only now and then makes the same tokens in the same order."""
    submissions = [(at, Job(prompt, output)) for at, prompt, output in sorted(rows)]
    punctual, late = batching(max_batch=3), batching(max_batch=3)
    orders = ([], [])
    for engine, order, wait in ((punctual, orders[0], 0), (late, orders[1], lateness)):
        jobs = [(at, Job(job.prompt_tokens, job.output_tokens)) for at, job in submissions]
        numbers = {id(job): number for number, (_, job) in enumerate(jobs)}
        while jobs or engine.next_ns is not None:
            if jobs and (engine.next_ns is None or jobs[0][0] < engine.next_ns + wait):
                at, job = jobs.pop(0)
                engine.submit(job, at)
            else:
                order.extend(numbers[id(job)] for job in engine.advance(engine.next_ns + wait))
    assert orders[0] == orders[1]

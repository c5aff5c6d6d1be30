"""A closed loop keeps its users busy, and no more than them."""

from __future__ import annotations

from tests.load.processes import CLOSED, FILES, books_agree, came_out, load, locust_agrees, made, to


def most_at_once(posts):
    """The most requests that the target worked on at the same moment."""
    edges = [(line.body_ns, 1) for line in posts] + [(line.done_ns, -1) for line in posts]
    now = most = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most


def test_never_more_than_its_users(fast, tmp_path):
    """`--concurrency 4` keeps four requests on the wire, never five, and sends every row once."""
    options = ("--headless", *FILES, *made(requests=60), "--concurrency", 4)
    with load(tmp_path, *options, *to(fast, "closed"), file=CLOSED) as closed:
        came_out(closed, 0)
        books_agree(closed.run, fast)
        locust_agrees(closed, closed.run)
        assert closed.run.states == {"ok": 60}
        assert sorted(record.seq for record in closed.run.records) == list(range(60))
        assert most_at_once(fast.posts("closed")) == 4
        assert closed.run.summary["generator"]["peak_in_flight"] == 4


def test_the_run_time_ends_its_turns(slow, tmp_path):
    """A closed loop whose time is up takes no further row and waits for what flies."""
    options = ("--headless", *FILES, *made(requests=400), "--concurrency", 3, "-t", "1s")
    with load(tmp_path, *options, *to(slow, "turns"), file=CLOSED) as closed:
        came_out(closed, 0)
        books_agree(closed.run, slow)
        locust_agrees(closed, closed.run)
        assert closed.run.states == {"ok": 6}
        assert closed.run.summary["trace"] == {"rows": 400, "released": 6, "unreached": 394}

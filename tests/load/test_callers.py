"""Locust's stop costs no time in which replies come in."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from locust import runners

from sagellm_benchmark.load.callers import look_up_quickly


def test_the_caller_is_told_without_reading_sources(monkeypatch):
    """File and line are right, and no module's source was looked for."""
    monkeypatch.setattr(runners, "inspect", inspect)
    look_up_quickly()
    monkeypatch.delattr(inspect, "getmodule")

    def stop():
        return runners.inspect.getframeinfo(runners.inspect.stack()[1][0])

    told, line = stop(), inspect.currentframe().f_lineno
    assert (told.filename, told.lineno) == (__file__, line)


def test_locust_uses_no_more_of_it():
    """What stands in for `inspect` has all that Locust's runners ask of it."""
    source = Path(runners.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"\binspect\.(\w+)", source)) == {"getframeinfo", "stack"}

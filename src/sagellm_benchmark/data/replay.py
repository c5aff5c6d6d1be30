"""Replay a trace: locust -f replay.py --trace FILE --host URL --model M."""

from __future__ import annotations

from sagellm_benchmark.users import ReplayUser  # noqa: F401

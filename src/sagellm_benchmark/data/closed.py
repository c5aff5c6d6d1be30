"""Keep N requests going: locust -f closed.py --trace FILE --concurrency N --host URL --model M."""

from __future__ import annotations

from sagellm_benchmark.users import ClosedLoopUser  # noqa: F401

"""Send the plan with Locust: connections, dispatch, users, the life of a run.

Importing `sagellm_benchmark.load` in a locustfile registers the options and the listeners with
Locust.
"""

from __future__ import annotations

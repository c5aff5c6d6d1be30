"""The live page: what a run is doing, in a browser, beside Locust's own page.

In go the coordinator's runs and records; out come a page, its JSON, the metrics for Prometheus, and
a tab in Locust's page. Everything untrusted is text, nothing is asked of any other host, and no
script runs that is not a file of ours.
"""

from __future__ import annotations

"""Changes to a trace: each takes a Trace and gives one, and says in its header what it did."""

from __future__ import annotations

"""What one process of the sageLLM gateway carries on one core, as it was measured."""

from __future__ import annotations

STREAMS = 100
"""Requests that the gateway serves at once; others wait inside it."""

REQUESTS_PER_S = 100.0
"""Stream requests a second that one gateway process comes to on one core."""

TOKENS_PER_S = 1500.0
"""Streamed tokens a second at which its own work is felt."""

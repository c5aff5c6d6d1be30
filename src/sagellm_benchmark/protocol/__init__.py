"""Protocol v0.1: what sageLLM's parts say to each other.

`ErrorCode` and `PROTOCOL_VERSION` are plain Python. The pydantic models are loaded on first use of their name, so that
a command that only needs a code starts without pydantic.
"""

from __future__ import annotations

from sagellm_benchmark.protocol.errors import ErrorCode

PROTOCOL_VERSION = "0.1"
"""The version that these models describe."""

__all__ = ["PROTOCOL_VERSION", "ErrorCode"]

"""Replay LLM request traces with Locust and measure every token.

Nothing is imported here: `import locust` patches the process, and the analysis commands must start
fast.
"""

from __future__ import annotations

__version__ = "0.5.5.0"

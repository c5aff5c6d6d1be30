"""Replay LLM request traces with Locust and measure every token.

Nothing is imported here: `import locust` patches the process, and the analysis commands must start
fast.
"""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """`__version__`, from the package's metadata; looked up when asked for, since that is slow."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("isagellm-benchmark")

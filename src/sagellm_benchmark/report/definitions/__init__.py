"""The same records in the terms of other tools: their names, units and formulas.

A side's records come in; what vLLM's `bench serve`, aiperf, guidellm or the sageLLM Protocol would
report of them comes out, each figure with a line on how it differs from ours, and what cannot be
told from records with the reason. docs/compare.md says which versions were read.
"""

from __future__ import annotations

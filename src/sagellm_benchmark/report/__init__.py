"""What a person reads: the plan before the load, the live line, the table at the end."""

from __future__ import annotations

"""Options, each declared once, and the settings of a run that they add up to."""

from __future__ import annotations

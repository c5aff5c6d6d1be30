"""A run's records and figures in the forms that other programs read."""

from __future__ import annotations

"""Tests of what other programs read."""

from __future__ import annotations

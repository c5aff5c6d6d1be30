"""Tests of other tools' terms."""

from __future__ import annotations

"""Tests of the page of a run."""

from __future__ import annotations

"""Workloads: traces made from a specification, the same bytes for a seed on any machine."""

from __future__ import annotations

"""Traces: read, checked, selected, made. Nothing here sends a request."""

from __future__ import annotations

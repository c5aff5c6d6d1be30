"""Readers of trace formats, one small module each; `registry.FORMATS` lists them."""

from __future__ import annotations

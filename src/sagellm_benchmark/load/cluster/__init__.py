"""One run over many workers: its rows, its clocks and its books, carried by Locust's messages."""

from __future__ import annotations

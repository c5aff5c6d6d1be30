"""What is known of each request: records made from outcomes, and the files they stand in."""

from __future__ import annotations

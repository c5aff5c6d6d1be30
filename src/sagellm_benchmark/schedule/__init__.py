"""The plan: which row is due when. Virtual time only; nothing here waits or sends."""

from __future__ import annotations

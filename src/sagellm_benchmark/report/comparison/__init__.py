"""Runs held against each other: what differs, what is noise, what cannot be told.

Finished runs come in as sides, each one run or its repeats. A table of differences comes out, with
what speaks against comparing them at all, as text, as Markdown, as JSON and as a page.
"""

from __future__ import annotations

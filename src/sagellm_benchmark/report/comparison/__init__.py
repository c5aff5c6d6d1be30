"""Runs held against each other: what differs, what is noise, what cannot be told, and whether the
runs may be compared at all.

Finished runs come in as sides, each one run or its repeats. A table of differences and a list of
findings come out, and the same as text, as Markdown, as JSON and as a page.
"""

from __future__ import annotations

"""The report of a run as one HTML file: `write_report`, and the look that other pages share.

A finished run's directory comes in; one self-contained file goes out, with a strict policy, no
script but the switch between light and dark, and nothing in it that text from outside could change.
"""

from __future__ import annotations

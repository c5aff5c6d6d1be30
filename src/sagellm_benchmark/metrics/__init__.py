"""Figures of a run, made from its records: columns, histograms, summary, SLOs, verdict."""

from __future__ import annotations

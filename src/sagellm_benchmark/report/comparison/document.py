"""A comparison as one JSON object, `sagellm.comparison/1`, for scripts.

A comparison comes in, plain dicts and lists go out; every number is finite or null. Changes are
relative where `scale` is `ratio`, else in the figure's own unit.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sagellm_benchmark.report.comparison.differences import CONFIDENCE, Comparison, Row

SCHEMA = "sagellm.comparison/1"


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Everything that the text says."""
    return {
        "schema": SCHEMA,
        "confidence": CONFIDENCE,
        "usable": comparison.usable,
        "sides": [
            {
                "side": side.letter,
                "name": side.name,
                "runs": [
                    {
                        "run_id": archive.run_id,
                        "directory": str(archive.directory),
                        "verdict": archive.summary["verdict"]["state"],
                    }
                    for archive in side.archives
                ],
            }
            for side in comparison.sides
        ],
        "findings": [asdict(finding) for finding in comparison.findings],
        "figures": [_row(comparison, row) for row in comparison.rows],
        "absent": list(comparison.absent),
    }


def _row(comparison: Comparison, row: Row) -> dict[str, Any]:
    letters = [side.letter for side in comparison.sides]
    figure = row.figure
    return {
        "name": figure.name,
        "unit": figure.unit,
        "better": figure.better,
        "sides": [
            {"side": letter, "values": list(values), "mean": centre, "std_inside": spread}
            for letter, values, centre, spread in zip(
                letters, row.values, row.centres, row.spreads, strict=True
            )
        ],
        "differences": [
            {"side": letter, "word": row.word(place), **_difference(row, place)}
            for place, letter in enumerate(letters[1:])
        ],
    }


def _difference(row: Row, place: int) -> dict[str, Any]:
    found = row.differences[place]
    keys = ("change", "low", "high", "p", "minimum_detectable", "scale")
    return {key: None if found is None else getattr(found, key) for key in keys}

"""Runs against a baseline: which figures became worse, by how much, and what could have been seen.

Two sides of runs in, a line a figure out. Several figures are asked about at once: p is corrected
after Holm, intervals and minimum detectable changes after Bonferroni, so that the chance that any
figure is called different where nothing changed stays under 1 − confidence. A margin is for
figures that are compared as ratios; an error rate has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.paired import Difference, compare_groups, compare_pairs, holm
from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.report.comparison.figures import Figure, named_figures
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.figures import percent

DEFAULT_FIGURES = (
    *("ttft_ms.mean", "tpot_ms.mean", "e2e_ms.mean"),
    *("throughput.output_tokens_per_s", "error_rate"),
)
"""What is held against a baseline where nothing is named."""

Word = Literal[
    "worse", "within the margin", "better", "no difference", "cannot tell", "not measured"
]


@dataclass(frozen=True, kw_only=True)
class Method:
    """How runs are held against a baseline.

    Attributes:
        figures: Names of what is compared; none are `DEFAULT_FIGURES`.
        max_regression: What a figure may become worse by, as a share; 0 for nothing.
        confidence: 1 − the chance that any figure is called different where nothing changed.
        paired: The runs alternated, and are compared in pairs, in the order of their starts.
    """

    figures: tuple[str, ...] = ()
    max_regression: float = 0.0
    confidence: float = 0.95
    paired: bool = False


@dataclass(frozen=True, kw_only=True)
class Regression:
    """One figure of both sides.

    Attributes:
        figure: Which.
        difference: From the baseline to the runs; None where a run does not have the figure.
        max_regression: As in `Method`.
        lacking: The runs that do not have it.
        varies: Whether it is not the same in every run.
    """

    figure: Figure
    difference: Difference | None
    max_regression: float
    lacking: tuple[str, ...] = ()
    varies: bool = True

    @property
    def margin(self) -> float:
        """What it may become worse by."""
        ratio = self.difference is not None and self.difference.scale == "ratio"
        return self.max_regression if ratio else 0.0

    @property
    def word(self) -> Word:
        """What it is called."""
        found = self.difference
        if found is None:
            return "not measured"
        if found.verdict != "different":
            return "no difference" if found.verdict == "same" else "cannot tell"
        worse = found.change if self.figure.better == "lower" else -found.change
        if worse <= 0:
            return "better"
        return "worse" if worse > self.margin else "within the margin"

    @property
    def text(self) -> str:
        """What was found, in one line."""
        found = self.difference
        if found is None:
            return f"not measured in {', '.join(self.lacking)}"
        a, b = self.figure.text(found.mean_a), self.figure.text(found.mean_b)
        line = f"{self.word}: baseline {a}, now {b}, {self.step(found.change)}"
        if found.p is None:
            return f"{line}; one run a side tells nothing: make several with run --repeat 5"
        margin = f", {percent(self.margin)} allowed" if self.margin else ""
        return f"{line}{margin} ({self.interval()}, p {_p(found.p)}; {self.detectable()})"

    def interval(self) -> str:
        """The interval of the change."""
        found = self.difference
        if found is None or found.low is None or found.high is None:
            return "no interval"
        return f"{self.step(found.low)} to {self.step(found.high)}"

    def detectable(self) -> str:
        """The smallest change that would be found."""
        if self.difference is None or self.difference.minimum_detectable is None:
            return "nothing varied"
        return f"detectable from {self.step(self.difference.minimum_detectable).lstrip('+')} on"

    def step(self, value: float) -> str:
        """A change in words."""
        scale = "ratio" if self.difference is None else self.difference.scale
        return self.figure.step(value, scale)


def regressions(baseline: Side, runs: Side, method: Method) -> list[Regression]:
    """Hold runs against a baseline.

    Raises:
        UsageError: A figure is not known, or the runs are no pairs.
    """
    before, after = _in_order(baseline), _in_order(runs)
    if method.paired and len(before) != len(after):
        raise UsageError(
            f"--paired needs as many runs as the baseline has: {len(after)} and {len(before)}"
        )
    figures = named_figures(method.figures or DEFAULT_FIGURES)
    lacking = {figure.name: _lacking(figure, [*before, *after]) for figure in figures}
    tested = [figure for figure in figures if not lacking[figure.name]]
    # What is the same in every run can be no mistake, and makes the others no harder to tell.
    varied = [figure for figure in tested if _varies(figure, [*before, *after])]
    # Bonferroni's level, so that an interval tells no more than Holm's verdict over it.
    confidence = 1 - (1 - method.confidence) / max(1, len(varied))
    compare = compare_pairs if method.paired else compare_groups
    found = {
        figure.name: compare(
            _values(figure, before),
            _values(figure, after),
            confidence=confidence,
            scale="difference" if figure.unit == "share" else None,
        )
        for figure in tested
    }
    names = [figure.name for figure in varied]
    judged = holm([found[name] for name in names], confidence=method.confidence)
    found |= dict(zip(names, judged, strict=True))
    return [
        Regression(
            figure=figure,
            difference=found.get(figure.name),
            max_regression=method.max_regression,
            lacking=lacking[figure.name],
            varies=figure in varied,
        )
        for figure in figures
    ]


def _in_order(side: Side) -> list[Archive]:
    return sorted(side.archives, key=lambda archive: archive.manifest["started_at"])


def _lacking(figure: Figure, archives: Sequence[Archive]) -> tuple[str, ...]:
    return tuple(one.run_id for one in archives if figure.of(one.summary) is None)


def _values(figure: Figure, archives: Sequence[Archive]) -> list[float]:
    found = (figure.of(archive.summary) for archive in archives)
    return [value for value in found if value is not None]


def _varies(figure: Figure, archives: Sequence[Archive]) -> bool:
    return len({figure.of(archive.summary) for archive in archives}) > 1


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"

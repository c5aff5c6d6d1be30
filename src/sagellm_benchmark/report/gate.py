"""Does a release pass? Runs, objectives and a baseline in; what passed, what failed, the exit code.

Several runs repeat each other, and each of them must meet every objective. Against a baseline the
unit is the run: a figure fails where it is worse by more than chance and by more than the margin.
An invalid run on either side makes the result unusable, and so does a baseline that nothing could
be told against. A figure that nobody observed meets no objective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.metrics.slo import Slo, figure, gates, parse_slos
from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.report.comparison.comparability import Finding, findings
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.contracts import Contract
from sagellm_benchmark.report.regressions import Method, Regression, regressions

PASSED, FAILED, UNUSABLE = 0, 1, 3

State = Literal["pass", "FAIL", "unusable", "not measured"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What runs must meet.

    Attributes:
        slos: Objectives given for this gate.
        contract: A contract's, too.
        method: How runs are held against a baseline.
        strict: Runs that are not alike make the result unusable.
    """

    slos: tuple[Slo, ...] = ()
    contract: Contract | None = None
    method: Method
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class Check:
    """One objective.

    Attributes:
        expr: As it is written.
        origin: Who asks for it.
        values: The figure of each run, None where it is not known.
        met: Whether each run meets it.
    """

    expr: str
    origin: str
    values: tuple[float | None, ...]
    met: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One thing that was judged, for whoever shows it.

    Attributes:
        kind: `runs`, `objectives` or `baseline`.
        name: What it is called.
        state: How it came out.
        text: Why, in one line.
    """

    kind: str
    name: str
    state: State
    text: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What came of it.

    Attributes:
        runs: What is judged.
        baseline: What it is held against, or None.
        rules: What was asked for.
        checks: The objectives.
        regressions: The figures held against the baseline's.
        findings: What speaks against holding these runs together.
    """

    runs: Side
    baseline: Side | None
    rules: Rules
    checks: tuple[Check, ...]
    regressions: tuple[Regression, ...]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 3 unusable; what cannot be used outweighs what failed."""
        states = [(outcome.kind, outcome.state) for outcome in self.outcomes()]
        if ("runs", "unusable") in states or (self.rules.strict and self.warnings):
            return UNUSABLE
        if any(state == "FAIL" for _, state in states):
            return FAILED
        told = [state for kind, state in states if kind == "baseline"]
        if "unusable" in told or (told and set(told) == {"not measured"}):
            return UNUSABLE
        return PASSED

    @property
    def warnings(self) -> list[str]:
        """What speaks against holding these runs together, a line each."""
        return [finding.text for finding in self.findings if finding.level == "warning"]

    @property
    def notes(self) -> list[str]:
        """What is good to know, a line each."""
        return [finding.text for finding in self.findings if finding.level == "note"]

    def outcomes(self) -> Iterator[Outcome]:
        """Everything that was judged, the runs themselves first."""
        for side in filter(None, (self.runs, self.baseline)):
            for archive in side.archives:
                yield _validity(side, archive)
        for check in self.checks:
            yield _objective(check, self.runs)
        for regression in self.regressions:
            yield Outcome(
                kind="baseline",
                name=regression.figure.name,
                state=_AGAINST[regression.word],
                text=regression.text,
            )


_AGAINST: dict[str, State] = {
    "worse": "FAIL",
    "within the margin": "pass",
    "better": "pass",
    "no difference": "pass",
    "cannot tell": "unusable",
    "not measured": "not measured",
}


def judge(runs: Side, baseline: Side | None, rules: Rules) -> Gate:
    """Hold runs against objectives and a baseline.

    Raises:
        UsageError: An objective gates nothing, or the runs cannot be paired.
    """
    sides = [replace(runs, letter="these runs")]
    if baseline is not None:
        sides.insert(0, replace(baseline, letter="the baseline"))
    return Gate(
        runs=runs,
        baseline=baseline,
        rules=rules,
        checks=tuple(_checks(runs, rules)),
        regressions=() if baseline is None else tuple(regressions(baseline, runs, rules.method)),
        findings=tuple(findings(sides)),
    )


def _checks(runs: Side, rules: Rules) -> Iterator[Check]:
    _refuse_idle(rules.slos)
    summaries = [_summary(archive, rules.slos) for archive in runs.archives]
    for origin, slos in _asked(runs, rules).items():
        for slo in slos:
            values = tuple(_figure(slo, summary) for summary in summaries)
            met = tuple(map(slo.met, values))
            yield Check(expr=slo.expr, origin=origin, values=values, met=met)


def _asked(runs: Side, rules: Rules) -> dict[str, list[Slo]]:
    """The objectives by who asks for them; the runs' own where nobody else does."""
    contract = list(rules.contract.slos) if rules.contract else []
    given = [slo for slo in rules.slos if not slo.per_request]
    if not contract and not given:
        exprs = {one["expr"]: None for run in runs.archives for one in run.summary["slo"]}
        return {"the run's own": gates(parse_slos(exprs))}
    rate = [slo for slo in gates([*contract, *given]) if slo not in [*contract, *given]]
    named = {f"contract {rules.contract.name}": contract} if rules.contract else {}
    return {"always": rate, **named, "--slo": given}


def _refuse_idle(slos: Sequence[Slo]) -> None:
    idle = [slo for slo in slos if slo.per_request]
    if idle and not any(slo.metric == "goodput" for slo in slos):
        raise UsageError(
            f"--slo {idle[0].expr} is an objective of each request and gates nothing by itself: "
            f"add --slo 'goodput.fraction>=0.99', or write {idle[0].metric}.p99<=N"
        )


def _summary(archive: Archive, slos: tuple[Slo, ...]) -> Mapping[str, Any]:
    """A run's summary, its goodput by the objectives that are given here."""
    if not any(slo.per_request for slo in slos):
        return archive.summary
    from sagellm_benchmark.metrics.goodput import goodput_of  # numpy

    duration_s, records = archive.summary["duration_s"], archive.every(Outline)
    return {**archive.summary, "goodput": goodput_of(records, slos, duration_s)}


def _figure(slo: Slo, summary: Mapping[str, Any]) -> float | None:
    try:
        return figure(slo, summary)
    except (KeyError, TypeError) as error:
        what = f"holds no {slo.name}: was it written by another version?"
        raise InputError(what, f"summary.json of {summary.get('run_id')}") from error


def _validity(side: Side, archive: Archive) -> Outcome:
    verdict = archive.summary["verdict"]
    reasons = "; ".join(verdict["reasons"])
    return Outcome(
        kind="runs",
        name=archive.run_id,
        state="pass" if verdict["valid"] else "unusable",
        text=f"{verdict['state']}{': ' if reasons else ''}{reasons}",
    )


def _objective(check: Check, runs: Side) -> Outcome:
    told = [
        (archive.run_id, "not observed" if value is None else f"{value:.6g}", met)
        for archive, value, met in zip(runs.archives, check.values, check.met, strict=True)
    ]
    failed = [(run_id, value) for run_id, value, met in told if not met]
    if not failed:
        text = "is " + ", ".join(value for _, value, _ in told)
    elif {value for _, value in failed} == {"not observed"}:
        text = f"not observed, nobody told it: {', '.join(run_id for run_id, _ in failed)}"
    else:
        text = ", ".join(f"{value} in {run_id}" for run_id, value in failed)
    return Outcome(
        kind="objectives", name=check.expr, state="FAIL" if failed else "pass", text=text
    )

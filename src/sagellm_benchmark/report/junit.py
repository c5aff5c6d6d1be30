"""A gate as JUnit XML, which every CI shows: one case a run, an objective, a figure.

A gate in, a document out. What failed is a failure, what makes the result unusable is an error, a
figure that no run has is skipped. Text of others holds nothing that XML forbids.
"""

from __future__ import annotations

from xml.etree import ElementTree

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.gate import Gate, Outcome

_SUITES = ("runs", "objectives", "baseline")
_ELEMENTS = {"FAIL": "failure", "unusable": "error", "not measured": "skipped"}


def junit_xml(gate: Gate) -> bytes:
    """The document, UTF-8."""
    outcomes = list(gate.outcomes())
    root = ElementTree.Element("testsuites", {"name": "sagellm-benchmark gate"})
    _count(root, outcomes)
    for kind in _SUITES:
        own = [one for one in outcomes if one.kind == kind]
        if own:
            _suite(root, kind, own, gate)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _suite(root: ElementTree.Element, kind: str, outcomes: list[Outcome], gate: Gate) -> None:
    suite = ElementTree.SubElement(root, "testsuite", {"name": kind})
    _count(suite, outcomes)
    for one in outcomes:
        names = {"classname": f"gate.{kind}", "name": snippet(one.name)}
        case = ElementTree.SubElement(suite, "testcase", names)
        text = snippet(one.text, 1000)
        if element := _ELEMENTS.get(one.state):
            ElementTree.SubElement(case, element, {"message": text})
        else:
            ElementTree.SubElement(case, "system-out").text = text
    if kind == "runs" and gate.warnings:
        warned = "\n".join(snippet(text) for text in gate.warnings)
        ElementTree.SubElement(suite, "system-err").text = warned


def _count(element: ElementTree.Element, outcomes: list[Outcome]) -> None:
    states = [one.state for one in outcomes]
    element.set("tests", str(len(states)))
    element.set("failures", str(states.count("FAIL")))
    element.set("errors", str(states.count("unusable")))
    element.set("skipped", str(states.count("not measured")))

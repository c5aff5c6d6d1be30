"""Fault scripts: what they may say, and which request meets which rule."""

from __future__ import annotations

import json

import pytest
from tests.sim.processes import start, stop

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.sim.fault_kinds import KINDS
from sagellm_benchmark.sim.faults import Faults, make_rule, read_faults
from sagellm_benchmark.sim.http import HttpRequest

CHAT = "/v1/chat/completions"


def read(folder, text):
    """What a script of this text says."""
    path = folder / "f.yaml"
    path.write_text(text)
    return read_faults(path)


def request(request_id="", path=CHAT, method="POST", body=b'{"stream":true}'):
    """A request as it arrives."""
    return HttpRequest(
        method=method,
        path=path,
        headers={"x-request-id": request_id} if request_id else {},
        body=body,
        keep_alive=True,
        accepted_ns=0,
        received_ns=0,
        body_ns=0,
    )


def hits(*rules, requests, seed=0):
    """The kind that each request meets."""
    faults = Faults(rules, seed)
    met = [faults.on(one) for one in requests]
    return [None if rule is None else rule.kind for rule in met]


def test_a_script_says_what_it_says(tmp_path):
    """Rules keep their order, and what is left out has its default."""
    script = read(
        tmp_path,
        "seed: 7\nfaults:\n  - do: reset\n    requests: [3, 1]\n    after_tokens: 2\n"
        "  - {do: null, all: true, preflight: true}\n",
    )
    first, second = script.rules
    assert (script.seed, first.kind, first.selected) == (7, "reset", [3, 1])
    assert first.values == {"after_tokens": 2, "after_bytes": None}
    assert (second.kind, second.values, second.preflight) == ("null", {"after_tokens": 1}, True)


def test_every_kind_may_stand_alone_and_in_json(tmp_path):
    """Each kind works with its defaults; a script may be JSON."""
    rules = [{"do": kind, "all": True} for kind in KINDS]
    assert [rule.kind for rule in read(tmp_path, json.dumps({"faults": rules})).rules] == [*KINDS]


RULE = "faults:\n  - {do: null, all: true}\n  - "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: --faults must hold"),
        ("- 1\n", "f.yaml:1: --faults must hold"),
        ("faults: {}\n", "f.yaml:1: --faults must hold"),
        ("faults: []\nmore: 1\n", "f.yaml:2: --faults: unknown key 'more'"),
        ("seed: x\nfaults: []\n", "f.yaml:1: seed: give a whole number"),
        ("faults: []\nfaults: []\n", "f.yaml:2: --faults: the key 'faults' stands twice"),
        (RULE + "{do: x, all: true}", "f.yaml:3: rule 2: do: unknown kind 'x'"),
        (RULE + "{do: [], all: true}", "f.yaml:3: rule 2: do: unknown kind []"),
        (RULE + "do: html\n    all: true\n    do: html\n", "f.yaml:5: --faults: the key 'do'"),
        (RULE + "!!map {do: html}", "f.yaml:3: --faults: tags are refused"),
        (RULE + "*a", "f.yaml:3: --faults: aliases are refused"),
        (RULE + "html", "rule 2: give a mapping"),
        (RULE + "{all: true}", "rule 2: give a mapping"),
        (RULE + "{do: html}", "rule 2: give exactly one of requests, every"),
        (RULE + "{do: html, all: true, every: 2}", "rule 2: give exactly one of"),
        (RULE + "{do: html, all: false}", "rule 2: all: give true"),
        (RULE + "{do: html, all: yes}", "rule 2: all: give true"),
        (RULE + "{do: html, every: 0}", "rule 2: every: give a whole number from 1"),
        (RULE + "{do: html, every: true}", "rule 2: every: give a whole number from 1"),
        (RULE + "{do: html, chance: 1.5}", "rule 2: chance: give a number from 0 to 1"),
        (RULE + "{do: html, chance: .nan}", "rule 2: chance: give a number"),
        (RULE + "{do: html, requests: 3}", "rule 2: requests: give a list"),
        (RULE + "{do: html, requests: [0]}", "rule 2: requests: give whole numbers from 1"),
        (RULE + "{do: html, ids: [3]}", "rule 2: ids: give patterns"),
        (RULE + "{do: html, ids: []}", "rule 2: ids: give a list"),
        (RULE + "{do: html, all: true, preflight: 1}", "rule 2: preflight: give true or false"),
        (RULE + "{do: html, all: true, code: 1}", "rule 2: unknown key 'code'; html takes none"),
        (
            RULE + "{do: reset, all: true, x: 1}",
            "unknown key 'x'; reset takes after_tokens, after_bytes",
        ),
        (RULE + "{do: reset, all: true, after_tokens: 1.5}", "after_tokens: give a whole number"),
        (RULE + "{do: reset, all: true, after_tokens: -1}", "after_tokens: give a whole number"),
        (RULE + "{do: reset, all: true, after_tokens: 1, after_bytes: 1}", "rule 2: give after_to"),
        (RULE + "{do: stall, all: true, seconds: 1e3}", "seconds: give a number from 0"),
        (RULE + "{do: status, all: true, code: 200}", "code: give a whole number from 400 to 599"),
        (RULE + "{do: status, all: true, body: xml}", "body: choose one of json, html, empty"),
        (RULE + "{do: redirect, all: true, location: ''}", "location: give a plain text"),
        (RULE + '{do: redirect, all: true, location: "a\\r\\nb"}', "location: give a plain text"),
        (RULE + "{do: line_ending, all: true, bom: 1}", "bom: give true or false"),
        (RULE + "{do: error_frame, all: true, form: gateway, code: x}", "rule 2: code: form gatew"),
        (RULE + "{do: giant_frame, all: true, bytes: 99999999999999}", "bytes: give a whole"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, text, said):
    """It names file and line, and the rule where the script could be read."""
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bad_script_ends_the_command(tmp_path):
    """One line on standard error, exit code 2, nothing served."""
    path = tmp_path / "f.yaml"
    path.write_text("faults:\n  - {do: nonsense, all: true}\n")
    for script in (path, tmp_path / "none.yaml"):
        process = start("--faults", script)
        process.wait(10)
        code, complaints = stop(process)
        assert (code, complaints.count("\n")) == (2, 1)
        assert complaints.startswith(str(script))


def test_the_start_line_counts_the_rules(tmp_path):
    """How many there are, and where they come from."""
    path = tmp_path / "f.yaml"
    path.write_text("faults:\n  - {do: html, every: 2}\n  - {do: reset, requests: [1]}\n")
    process = start("--faults", path)
    try:
        assert f" fault_rules=2 faults={path}" in process.stdout.readline()
    finally:
        stop(process)


def test_selectors():
    """Each selects what it says, by number in order of arrival or by id; ids keep their case."""
    six = [request(f"r-{n}") for n in range(1, 7)]
    every = hits(make_rule("html", "every", 3), requests=six)
    assert every == [None, None, "html", None, None, "html"]
    assert hits(make_rule("html", "requests", [2, 5]), requests=six)[1::3] == ["html", "html"]
    ids = hits(make_rule("html", "ids", ["*-3", "R-1", "r-[56]"]), requests=six)
    assert ids == [None, None, "html", None, "html", "html"]
    assert hits(make_rule("html", "all", True), requests=six) == ["html"] * 6


def test_chance_is_decided_by_seed_rule_and_number_alone():
    """Two runs agree, another seed does not, and the share is about right."""
    rule, many = make_rule("html", "chance", 0.3), [request()] * 1000
    first = hits(rule, requests=many, seed=1)
    assert hits(rule, requests=many, seed=1) == first
    assert hits(rule, requests=many, seed=2) != first
    assert 250 < first.count("html") < 350
    assert set(hits(make_rule("html", "chance", 0), requests=many)) == {None}
    assert set(hits(make_rule("html", "chance", 1), requests=many)) == {"html"}


def test_the_first_rule_decides():
    """Later rules are looked at only where the earlier ones do not select."""
    rules = (make_rule("html", "every", 2), make_rule("reset", "all", True))
    assert hits(*rules, requests=[request()] * 4) == ["reset", "html", "reset", "html"]


def test_only_inference_counts():
    """Other routes and methods are neither numbered nor hit."""
    requests = [
        request(path="/health", method="GET"),
        request(path="/v1/models"),
        request(path=CHAT, method="GET"),
        request(path="/v1/embeddings"),
        request(path="/v1/completions/stream"),
        request(path="/v1/completions"),
        request(),
    ]
    numbers = make_rule("html", "requests", [1, 2, 3, 4])
    assert hits(numbers, requests=requests) == [None] * 3 + ["html"] * 4


def test_a_preflight_is_left_alone_unless_the_rule_says_so():
    """It is not numbered either; a rule that sees it numbers it with the others."""
    requests = [request("preflight-a-1"), request("r-1"), request("preflight-a-2"), request("r-2")]
    first = make_rule("html", "requests", [1])
    assert hits(first, requests=requests) == [None, "html", None, None]
    seeing = make_rule("html", "requests", [3], preflight=True)
    assert hits(seeing, requests=requests) == [None, None, "html", None]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("gzip", ["gzip", "gzip", "gzip", "gzip", "gzip"]),
        ("bad_json", ["bad_json", "bad_json", "bad_json", None, None]),
        ("no_done", ["no_done", None, "no_done", None, None]),
        ("tool_calls", ["tool_calls", None, None, None, None]),
    ],
)
def test_a_rule_passes_over_what_its_kind_cannot_act_on(kind, expected):
    """Streams, whole replies, text streams, embeddings, Protocol events; bodies may be junk."""
    requests = [
        request(),
        request(body=b'{"stream":false}'),
        request(path="/v1/completions"),
        request(path="/v1/embeddings"),
        request(path="/v1/completions/stream"),
    ]
    assert hits(make_rule(kind, "all", True), requests=requests) == expected
    junk = [request(body=b"["), request(body=b"[]")]
    assert hits(make_rule("no_done", "all", True), requests=junk) == [None, None]

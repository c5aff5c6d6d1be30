"""OpenTelemetry spans of model calls."""

from __future__ import annotations

import json

import pytest
from files import jsonl, real_slices, rows_of
from lookalikes import otel_flat, otlp

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}


def _span(number=1, start=0, end=1, **attributes):
    return {
        "trace_id": "t", "span_id": f"s{number}",
        "start_time": f"2026-02-25T10:00:{start:02}", "end_time": f"2026-02-25T10:00:{end:02}",
        "attributes": {**CHAT, **attributes},
    }  # fmt: skip


def _rows(tmp_path, *spans, **options):
    return rows_of(jsonl(tmp_path / "o.jsonl", *spans), format="otel", **options)


def _content(tmp_path, value, name="gen_ai.input.messages", **more):
    (row,) = _rows(tmp_path, _span(**{name: value}, **more))
    return row.messages


def test_an_export_becomes_rows(tmp_path):
    """Typed values, numbers as strings: each call is a row, the span of a tool is none."""
    path = tmp_path / "o.jsonl"
    path.write_bytes(otlp())
    trace = open_trace(path)
    first, second, failed = trace.rows()
    assert (trace.rows_read, trace.drops) == (4, {"not_a_model_call": 1})
    assert (trace.header.time_origin, trace.inversions) == ("2026-02-24T10:00:00Z", 1)
    assert first.request_id == "5b8efff798038103d269b633813fc60c/0000000000000001"
    assert (first.input_tokens, first.output_tokens, first.cached_input_tokens) == (51, 40, 20)
    assert (first.model, first.max_tokens, first.stream) == ("m", 200, True)
    assert (first.sampling, first.session_id) == ({"temperature": 0.7}, "c1")
    assert first.recorded == {"e2e_latency_s": 2.5, "ttft_s": 0.35, "finish_reason": "stop"}
    assert (second.arrival_time_s, second.think_time_s) == (3.0, 0.5)
    assert second.depends_on == [first.request_id]
    assert (failed.recorded["failed"], failed.recorded["error_type"]) == (True, "timeout")


def test_lines_of_a_document_are_those_of_its_spans(tmp_path):
    """A bad span of an indented document, or of a big export, is an error at its own line."""
    made = json.loads(otlp().splitlines()[0])
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["startTimeUnixNano"] = "noon"
    path = tmp_path / "o.json"
    path.write_text(json.dumps(made, indent=1))
    starts = [n for n, line in enumerate(path.read_text().splitlines(), 1) if '"traceId"' in line]
    with pytest.raises(UsageError, match=rf"o\.json:{starts[1] - 1}: startTimeUnixNano: "):
        open_trace(path)


def test_an_agent_waits_for_what_it_quotes(tmp_path):
    """Calls wait for those whose answers they repeat: two at once for one, one for both."""
    path = tmp_path / "o.json"
    path.write_bytes(otel_flat())
    rows = rows_of(path)
    assert [row.depends_on for row in rows] == [
        [], ["agents/a"], ["agents/a"], ["agents/b", "agents/c"],
    ]  # fmt: skip
    assert [row.think_time_s for row in rows] == [None, 0.5, 1.0, 1.0]
    assert [row.turn_index for row in rows] == [0, 1, 2, 3]
    assert rows[3].message_mode == "history"


def test_without_content_a_call_waits_for_the_last_that_ended(tmp_path):
    """Where nothing is quoted it is the call that ended last before; one still running is not."""
    rows = _rows(tmp_path, _span(1, 0, 2), _span(2, 3, 9), _span(3, 4, 5), _span(4, 6, 7))
    assert [row.depends_on for row in rows] == [[], ["t/s1"], ["t/s1"], ["t/s3"]]


def test_a_chain_names_its_last_link_only(tmp_path):
    """A history repeats every answer; the call waits for the latest, which waited for the rest."""
    said, spans = [], []
    for number in range(4):
        said.append({"role": "user", "content": f"q{number}"})
        answer = {"gen_ai.output.text": f"a{number}", "gen_ai.input.messages": json.dumps(said)}
        spans.append(_span(number, 2 * number, 2 * number + 1, **answer))
        said.append({"role": "assistant", "content": f"a{number}"})
    rows = _rows(tmp_path, *spans)
    assert [row.depends_on for row in rows] == [[], ["t/s0"], ["t/s1"], ["t/s2"]]


def test_sessions_are_conversations_or_traces(tmp_path):
    """Spans of one conversation belong together whatever their trace; without one it is that."""
    first = {**_span(1, **{"gen_ai.conversation.id": "c"}), "trace_id": "a"}
    second = {**_span(2, 2, 3, **{"gen_ai.conversation.id": "c"}), "trace_id": "b"}
    third = {**_span(3, 4, 5), "trace_id": "b"}
    rows = _rows(tmp_path, first, second, third)
    assert [row.session_id for row in rows] == ["c", "c", "b"]
    assert [row.depends_on for row in rows] == [[], ["a/s1"], []]


PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
    {"role": "assistant", "parts": [
        {"type": "reasoning", "content": "hm"},
        {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": "x"}}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"t": 9}}]},
]  # fmt: skip
CALLS = [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}}]


@pytest.mark.parametrize("encode", [json.dumps, list])
def test_parts_become_messages(tmp_path, encode):
    """Texts, tool calls and their answers come out as an OpenAI request has them."""
    assert _content(tmp_path, encode(PARTS)) == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "c1", "content": '{"t": 9}'},
    ]


def test_instructions_and_tools(tmp_path):
    """System instructions come first; tools are named as a request names them."""
    more = {
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
        "gen_ai.tool.definitions": json.dumps(
            [{"type": "function", "name": "look", "parameters": {}}]
        ),
    }
    (row,) = _rows(tmp_path, _span(**{"gen_ai.input.messages": json.dumps(PARTS)}, **more))
    assert row.messages[0] == {"role": "system", "content": "Be brief."}
    assert row.tools == [{"type": "function", "function": {"name": "look", "parameters": {}}}]


HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.input.messages": json.dumps(HELLO)},
        {"gen_ai.input.messages": "Hello"},
        {"gen_ai.prompt": json.dumps(HELLO[0])},
        {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hello"},
        {"llm.input_messages.0.message.role": "user",
         "llm.input_messages.0.message.content": "Hello"},
    ],
)  # fmt: skip
def test_older_and_other_forms_of_content(tmp_path, attributes):
    """Each way in which instrumentations write messages gives the same ones."""
    (row,) = _rows(tmp_path, _span(**attributes))
    assert row.messages == HELLO


def test_content_may_stand_on_an_event(tmp_path):
    """The event that holds a call's content is read like its attributes."""
    name = "gen_ai.client.inference.operation.details"
    event = {"name": name, "attributes": {"gen_ai.input.messages": json.dumps(HELLO)}}
    typed = json.loads(otlp().splitlines()[0])
    pair = {"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps(HELLO)}}
    span = typed["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["events"] = [{"name": name, "attributes": [pair]}, {"name": "other", "attributes": []}]
    (row,) = _rows(tmp_path, {**_span(), "events": [event]})
    assert row.messages == HELLO
    assert _rows(tmp_path, typed)[1].messages == HELLO


def test_older_names(tmp_path):
    """Token counts and the model under their former names, and no operation, still make a row."""
    attributes = {"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 3,
                  "gen_ai.request.model": "m"}  # fmt: skip
    (row,) = _rows(tmp_path, {**_span(), "attributes": attributes})
    assert (row.operation, row.model, row.input_tokens, row.output_tokens) == ("chat", "m", 7, 3)


def test_images_travel_and_other_parts_drop_the_row(tmp_path):
    """An image goes as a URL and is counted; audio, which no request here can carry, is a drop."""
    image = {"type": "uri", "modality": "image", "uri": "http://x/y.png"}
    blob = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA=="}
    audio = {"type": "blob", "modality": "audio", "content": "AA=="}
    spans = [
        _span(n, **{"gen_ai.input.messages": [{"role": "user", "parts": parts}]})
        for n, parts in enumerate(([{"type": "text", "content": "?"}, image, blob], [audio]))
    ]
    trace = open_trace(jsonl(tmp_path / "o.jsonl", *spans))
    (row,) = trace.rows()
    urls = [part["image_url"]["url"] for part in row.messages[0]["content"][1:]]
    assert urls == ["http://x/y.png", "data:image/png;base64,AA=="]
    assert (row.modalities, trace.drops) == ({"image_count": 2}, {"unsupported_part": 1})


def test_a_span_that_says_nothing_is_a_named_drop(tmp_path):
    """Neither tokens nor words: there is nothing to send."""
    path = jsonl(tmp_path / "o.jsonl", {**_span(), "attributes": {"gen_ai.operation.name": "chat"}})
    trace = open_trace(path)
    assert (list(trace.rows()), trace.drops) == ([], {"no_tokens_and_no_content": 1})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start_time": "noon"}, "start_time"),
        ({"end_time": "noon"}, "end_time"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {**CHAT, "gen_ai.usage.input_tokens": "x"}}, "gen_ai.usage.input_tokens"),
        ({"attributes": {**CHAT, "gen_ai.usage.output_tokens": -1}}, "gen_ai.usage.output_tokens"),
        ({"attributes": {**CHAT, "gen_ai.request.model": 5}}, "gen_ai.request.model"),
        ({"attributes": {**CHAT, "gen_ai.input.messages": ["x"]}}, "gen_ai.input.messages"),
        ({"span_id": "a\x07"}, "span_id"),
    ],
)
def test_bad_spans_name_the_field(tmp_path, change, field):
    """Each unusable value is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"o\.jsonl:2: {field}"):
        _rows(tmp_path, _span(), {**_span(2), **change})


def test_the_real_slices_make_the_graphs_they_show():
    """Fan-out and fan-in of the real examples are found as they were drawn."""
    folder = real_slices() / "otel/advanced"
    rows = {row.request_id.rpartition("/")[2]: row for row in rows_of(
        folder / "multi_agent_research.json")}  # fmt: skip
    waits = {name: [each.rpartition("/")[2] for each in row.depends_on]
             for name, row in rows.items()}  # fmt: skip
    agents = ["span_002_market_agent", "span_003_env_agent", "span_004_tech_agent"]
    assert [waits[each] for each in agents] == [["span_001_coordinator"]] * 3
    assert waits["span_005_synthesis"] == agents
    free = [row for row in rows_of(folder / "prefix_sharing_example.json") if not row.depends_on]
    assert len(free) == 4

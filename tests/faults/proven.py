"""Rows of the document whose tests stand elsewhere, with the names of these tests."""

from __future__ import annotations

from typing import NamedTuple

PROCESS = "The process itself"
INPUTS = "Inputs"
OUTPUTS = "Outputs and secrets"


class Row(NamedTuple):
    """One row.

    Attributes:
        section: Where it stands.
        told: What happens.
        does: What the program does.
        exit: The code it leaves with; "" where that does not decide it.
        tests: Those that prove it, as `path::name` from `tests/`.
    """

    section: str
    told: str
    does: str
    exit: str
    tests: tuple[str, ...]


ROWS = (
    Row(
        PROCESS,
        "SIGINT, SIGTERM, Ctrl-C",
        "nothing more is sent, what flies may end within `--stop-timeout`, the rest is "
        "`cancelled`; summary and reports are written and say so",
        "3",
        (
            "load/test_endings.py::test_a_signal_ends_it_in_good_order",
            "load/test_endings.py::test_a_signal_cancels_what_takes_too_long",
            "load/test_endings.py::test_ctrl_c_in_a_terminal",
        ),
    ),
    Row(
        PROCESS,
        "a second signal",
        "the program leaves at once; the records on disk are whole",
        "3",
        ("load/test_endings.py::test_a_second_ctrl_c_leaves_at_once",),
    ),
    Row(
        PROCESS,
        "a signal before any load",
        "one line; nothing was sent",
        "2",
        ("load/test_endings.py::test_ctrl_c_before_any_load",),
    ),
    Row(
        PROCESS,
        "the disk is full, or the file may grow no more",
        "nothing more is sent, what flies ends, the summary is printed from memory",
        "3",
        (
            "load/test_faults.py::test_a_full_disk",
            "load/test_faults.py::test_a_file_that_may_grow_no_more",
        ),
    ),
    Row(
        PROCESS,
        "the disk is full from the start",
        "one line; nothing was sent, nothing is left",
        "2",
        ("load/test_faults.py::test_a_disk_that_is_full_from_the_start",),
    ),
    Row(
        PROCESS,
        "`kill -9`",
        "the records on disk are whole and can be read; there is no summary",
        "-9",
        ("faults/test_processes.py::test_what_a_killed_run_wrote_can_be_read",),
    ),
    Row(
        PROCESS,
        "a torn last line of a record segment",
        "it is dropped and counted; any other damage is an error with file and line",
        "",
        (
            "faults/test_processes.py::test_a_torn_last_line_is_left_out",
            "record/test_segments.py::test_other_damage_names_file_and_line",
        ),
    ),
    Row(
        PROCESS,
        "the wall clock jumps",
        "no effect: stamps are monotonic, dates come of one anchor",
        "0",
        ("faults/test_processes.py::test_the_wall_clock_jumps",),
    ),
    Row(
        PROCESS,
        "two million objects on the heap, which a collection would stop to look at",
        "frozen before the load: no collection looks at them",
        "0",
        ("faults/test_processes.py::test_two_million_objects_cost_no_pause",),
    ),
    Row(
        PROCESS,
        "an exception in our own code",
        "the run ends, says so, and its result is called unusable",
        "3",
        ("load/test_faults.py::test_our_own_failure_is_no_result",),
    ),
    Row(
        PROCESS,
        "more requests in flight than `--max-in-flight`",
        "those that fall due meanwhile are `dropped` (`resource_exhausted`): never sent, counted",
        "1",
        ("load/test_faults.py::test_what_the_cap_drops_is_counted",),
    ),
    Row(
        PROCESS,
        "no file is left to open",
        "`connect_error` for those that had none; the others go on",
        "1",
        ("load/test_engine.py::test_no_file_left_for_a_connection",),
    ),
    Row(
        INPUTS,
        "bad rows, with `--skip-bad`",
        "left out, and counted by reason in the plan and in `run.json`",
        "0",
        ("faults/test_inputs.py::test_skipped_rows_are_counted_by_reason",),
    ),
    Row(
        INPUTS,
        "rows out of order in a format that is known for it",
        "sorted, and the inversions counted",
        "0",
        ("trace/test_azure.py::test_unsorted_rows_are_sorted_and_counted",),
    ),
    Row(
        INPUTS,
        "ids that look like paths",
        "they are ids; everything that is written lies in the run's directory",
        "0",
        ("faults/test_inputs.py::test_ids_that_look_like_paths_are_ids",),
    ),
    Row(
        INPUTS,
        "`NO`, `1:30` and the like in `--system`",
        "the text that stands there",
        "0",
        (
            "faults/test_inputs.py::test_text_that_yaml_would_turn_into_something_else",
            "config/test_system.py::test_what_stays_text",
        ),
    ),
    Row(
        INPUTS,
        "a trace of any length",
        "streamed: planning 2,000,000 rows takes hardly more memory than 200,000",
        "0",
        ("faults/test_large_traces.py::test_memory_does_not_grow_with_the_trace",),
    ),
    Row(
        OUTPUTS,
        "terminal escapes from a server or a model",
        "stripped from every message",
        "",
        ("test_redact.py::test_terminal_escapes_and_controls_are_stripped",),
    ),
    Row(
        OUTPUTS,
        "API keys, and servers that repeat them",
        "read from the environment only; they stand in no log, record, report or message",
        "",
        (
            "load/test_manifest.py::test_no_secret_is_in_any_file",
            "load/test_manifest.py::test_a_server_that_repeats_secrets",
        ),
    ),
    Row(
        OUTPUTS,
        "TLS",
        "verified; `--insecure` stands in `run.json`",
        "",
        ("load/test_tls.py::test_tokens_come_through_tls",),
    ),
    Row(
        OUTPUTS,
        "Locust's page",
        "bound to 127.0.0.1 unless told otherwise; other origins are refused, and it sets nothing "
        "but what its form shows",
        "",
        (
            "load/test_page.py::test_another_origin_is_refused",
            "load/test_page.py::test_the_page_may_not_set_everything",
        ),
    ),
)

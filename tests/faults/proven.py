"""Rows of the document whose tests stand elsewhere, with the names of these tests."""

from __future__ import annotations

from typing import NamedTuple

from tests.faults.cases import CONNECTION, EVENTS

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
        CONNECTION,
        "20 requests in a row find no connection, and none before them was answered",
        "the run ends and says so: nobody is there to be measured",
        "3",
        ("load/test_spoiled_runs.py::test_a_target_that_is_not_there_ends_the_run",),
    ),
    Row(
        CONNECTION,
        "the target refuses connections for a while",
        "`connect_error` for those that were refused; the run goes on",
        "1",
        ("faults/test_connecting.py::test_a_target_that_goes_away_for_a_while",),
    ),
    Row(
        CONNECTION,
        "the target is killed midway",
        "`incomplete` for what it held, `connect_error` for what follows",
        "1",
        ("load/test_faults.py::test_the_target_dies_midway",),
    ),
    Row(
        CONNECTION,
        "an idle connection is closed just as it is to be used",
        "another is opened; a request is never sent twice",
        "",
        (
            "load/test_engine.py::test_an_idle_close_is_noticed",
            "load/test_engine.py::test_a_post_is_never_sent_twice",
        ),
    ),
    Row(
        EVENTS,
        "a last token beside the finish_reason, or an answer that quotes `[Stream error: …]`",
        "no error: tokens of an answer",
        "0",
        ("faults/test_gateway_bytes.py::test_a_normal_answer_is_none",),
    ),
    Row(
        EVENTS,
        "`[Stream error: …]` with line breaks and brackets, or in one read with the rest",
        "`stream_error`, as above",
        "1",
        ("faults/test_gateway_bytes.py::test_a_hidden_error_is_found",),
    ),
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
        "137",
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
        "standard output is full or closed when the plan is to be printed",
        "one line; nothing was sent",
        "2",
        ("faults/test_processes.py::test_an_output_that_takes_nothing",),
    ),
    Row(
        PROCESS,
        "standard output is closed during the load",
        "said on standard error; files and exit code are those of the run",
        "",
        ("faults/test_processes.py::test_an_output_that_is_closed_during_the_load",),
    ),
    Row(
        PROCESS,
        "an exception in our own code before the load",
        "it says where, and sends nothing",
        "2",
        ("faults/test_processes.py::test_our_own_failure_before_the_load_sends_none",),
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
        "tags, aliases, keys that stand twice, `1:30` or `NO` for a number in a fault script",
        "refused in one line with file and line",
        "2",
        ("faults/test_inputs.py::test_a_fault_script_takes_no_tricks",),
    ),
    Row(
        INPUTS,
        "a trace of any length",
        "streamed; held are 8 bytes a row, to find ids that are there twice",
        "0",
        ("faults/test_large_traces.py::test_memory_does_not_grow_with_the_trace",),
    ),
    Row(
        OUTPUTS,
        "names and messages that a spreadsheet would run: `=`, `+`, `-`, `@`, tab, CR",
        "written behind an apostrophe, in every CSV file and download",
        "",
        (
            "load/test_files.py::test_no_text_begins_like_a_formula",
            "leaks/test_hostile.py::test_hostile_names_of_tasks_break_no_file_and_no_download",
        ),
    ),
    Row(
        OUTPUTS,
        "terminal escapes from a server, a model or a trace",
        "stripped from everything that is shown",
        "",
        (
            "leaks/test_hostile.py::test_a_hostile_trace_and_a_rude_server_move_no_terminal",
            "test_redact.py::test_terminal_escapes_and_controls_are_stripped",
        ),
    ),
    Row(
        OUTPUTS,
        "API keys, and servers that repeat them",
        "from the environment only; in no log, record, report, table or message, nor in the "
        "command line",
        "",
        (
            "leaks/test_canaries.py::test_what_a_server_echoes_comes_out_nowhere",
            "leaks/test_canaries.py::test_the_command_line_holds_no_key",
            "leaks/test_canaries.py::test_an_error_of_ours_tells_no_key",
        ),
    ),
    Row(
        OUTPUTS,
        "prompts and replies",
        "in no file unless `--keep-content` asks for it",
        "",
        ("leaks/test_canaries.py::test_content_is_kept_only_where_it_is_asked_for",),
    ),
    Row(
        OUTPUTS,
        "proxy variables",
        "not obeyed, and said so; `run.json` has the route",
        "",
        ("leaks/test_canaries.py::test_the_route_is_said_once_and_recorded",),
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
        "bound to 127.0.0.1 unless told otherwise; no other page reads or changes anything, and it "
        "sets nothing but what its form shows",
        "",
        (
            "load/test_page.py::test_nobody_but_the_page_itself_changes_anything",
            "load/test_page.py::test_no_other_origin_reads_the_page",
            "load/test_page.py::test_the_page_may_not_set_everything",
        ),
    ),
)

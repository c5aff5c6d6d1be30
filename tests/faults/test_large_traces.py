"""A trace of any length is streamed: memory does not grow with it."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest
from tests.faults.inputs import HEADER
from tests.load.processes import clean_environment

# In a small process of its own: a child's peak begins at that of whoever forked it.
PEAK = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(f"peak {os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""


def write(path, count):
    """A gzipped trace of so many rows."""
    row = (
        '{{"request_id": "r{0}", "arrival_time_s": {1}, "input_tokens": 900, "output_tokens": 9}}\n'
    )
    with gzip.open(path, "wt", 1) as file:
        file.write(HEADER.decode() + "\n")
        file.writelines(row.format(number, number / 100) for number in range(count))


def planned(path):
    """What planning a trace says, and the most memory that it took, in MB."""
    run = (sys.executable, "-m", "sagellm_benchmark", "run", str(path), "--plan")
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *run, "--host", "http://127.0.0.1:9", "--model", "m"],
        capture_output=True,
        text=True,
        timeout=600,
        env=clean_environment(),
        check=True,
    )
    said, _, peak = done.stdout.rpartition("peak ")
    code, kilobytes = peak.split()
    assert code == "0", done.stderr
    return said, int(kilobytes) / 1000


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_trace(tmp_path):
    """Two million rows take at most 20 MB more than 200,000: 8 bytes a row, to find equal ids."""
    peaks = []
    for count in (200_000, 2_000_000):
        path = tmp_path / f"{count}.jsonl.gz"
        write(path, count)
        said, peak = planned(path)
        assert f"{count:,} requests" in said
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 20, peaks

"""What the generator ran short of: files, ports, time for the disk and the garbage collector.

The `generator` block of a summary in; out come sentences, each with its number, its limit and what
to do. What was short but held out is a warning; a request that found no file or no port left was
failed by us, not by the target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagellm_benchmark.metrics.thresholds import Thresholds

Generator = Mapping[str, Any]

MORE_FILES = "allow more of them (ulimit -n)"
MORE_PORTS = "widen net.ipv4.ip_local_port_range, or let the server keep connections open"


def failures(wants: Mapping[str, int]) -> Iterator[str]:
    """Of requests by the reason that we had no connection for them."""
    for reason, what, remedy in (
        ("no_files", "open file", MORE_FILES),
        ("no_ports", "local port", MORE_PORTS),
    ):
        count = wants.get(reason, 0)
        if count:
            yield f"{count} requests found no {what} left, 0 are allowed: {remedy}"


def warnings(generator: Generator, limits: Thresholds) -> Iterator[str]:
    """Of what was short and held out; a figure that was not measured warns of nothing."""
    cpu = generator.get("cpu_percent")
    if cpu is not None and cpu > limits.cpu_percent:
        yield f"generator CPU {cpu:.0f} % is over {limits.cpu_percent:.0f} %"
    yield from _pauses(generator, limits)
    yield from _supplies(generator, limits)


def _pauses(generator: Generator, limits: Thresholds) -> Iterator[str]:
    collections, recorder = generator.get("gc"), generator.get("recorder")
    longest_ms = collections["max_ms"] if collections else 0.0
    if longest_ms > limits.stall_ms:
        yield (
            f"a garbage collection took {longest_ms:.0f} ms, over {limits.stall_ms:g} ms: let the "
            "locustfile keep fewer objects"
        )
    longest_ms = recorder["write_max_ms"] if recorder else 0.0
    if longest_ms > limits.stall_ms:
        yield (
            f"writing records took {longest_ms:.0f} ms at once, over {limits.stall_ms:g} ms: "
            "choose a faster disk (--out)"
        )


def _supplies(generator: Generator, limits: Thresholds) -> Iterator[str]:
    files, ports = generator.get("files"), generator.get("ports")
    if files and files["open_peak"] > files["limit"] * limits.files_share:
        yield (
            f"{files['open_peak']:,} of {files['limit']:,} open files were in use, over "
            f"{limits.files_share:.0%}: {MORE_FILES}"
        )
    if ports and ports["used_peak"] > ports_there(ports) * limits.ports_share:
        yield (
            f"{ports['used_peak']:,} of {ports_there(ports):,} local ports were in use, over "
            f"{limits.ports_share:.0%}: {MORE_PORTS}"
        )


def ports_there(ports: Mapping[str, Any]) -> int:
    """How many ports the machine gives out."""
    first, last = ports["range"]
    return last - first + 1

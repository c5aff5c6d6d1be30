"""What servers said of a run, in the terminal's few words."""

from __future__ import annotations

from sagellm_benchmark.report.server import server_facts


def block(name="host", kind="vllm", **figures):
    """A page's block with these figures."""
    units = {"evict_count": "preemptions"}
    told = {
        field: {"value": value, "from": "x", "unit": units.get(field, "")}
        for field, value in figures.items()
    }
    return {"name": name, "kind": kind, "figures": told}


def test_each_page_that_told_something_has_a_line():
    """The label stands once; a page without figures is left out; times are its own view."""
    engine = block(prefix_hit_rate=0.5, evict_count=2, waiting=1200, server_ttft_ms_mean=12.3)
    quiet = block("info", "openmetrics")
    gpu = block("gpu\x1b[31m", "dcgm", peak_mem_mb=70000)
    assert list(server_facts([engine, quiet, gpu])) == [
        (
            "servers",
            [
                "host (vllm): prefix cache hits 50 %",
                "2 preemptions",
                "up to 1,200 waiting",
                "its own view: mean TTFT 12.3 ms",
            ],
        ),
        ("", ["gpu (dcgm): GPU memory up to 70,000 MiB"]),
    ]


def test_a_gateways_errors_are_named_only_where_there_are_some():
    """No line says that nothing was refused."""
    quiet = block(kind="sagellm", gateway_client_errors=0, gateway_server_errors=0)
    assert list(server_facts([quiet])) == []
    loud = block(kind="sagellm", gateway_client_errors=3)
    assert list(server_facts([loud])) == [("servers", ["host (sagellm): 3 refused (4xx)"])]

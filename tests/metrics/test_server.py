"""What servers' own figures mean, by kind of server, and what is not said of them."""

from __future__ import annotations

import pytest

from sagellm_benchmark.metrics.openmetrics import samples
from sagellm_benchmark.metrics.server import observed, remarks, server_metrics
from sagellm_benchmark.protocol import Metrics
from sagellm_benchmark.record.protocol_metrics import SERVER_ONLY, protocol_metrics
from sagellm_benchmark.record.scrapes import AFTER, BEFORE, DURING, Scrape


def reading(phase, text="", *, name="host", error=None):
    """One reading of a page."""
    values = {} if error else dict(samples(text))
    t_s = None if phase == BEFORE else 1.0
    url = f"http://{name}/metrics"
    return Scrape(t_s=t_s, name=name, url=url, phase=phase, error=error, values=values)


def told(before, during, after):
    """The one block of a page with these readings."""
    middle = [reading(DURING, text) for text in during]
    (block,) = server_metrics([reading(BEFORE, before), *middle, reading(AFTER, after)])
    return block


def values(block):
    """The figures without where they are from."""
    return {field: figure["value"] for field, figure in block["figures"].items()}


def unfilled():
    """A run's Protocol metrics before anybody asked its servers."""
    fields, unobserved = protocol_metrics(
        ttft_ms=1.0,
        tbt_ms=1.0,
        tpot_ms=1.0,
        throughput_tps=1.0,
        error_rate=0.0,
        itl_list=None,
        timestamps=None,
    )
    return {**fields, "unobserved": unobserved}


VLLM = """
vllm:prefix_cache_queries_total{{engine="0",model_name="m"}} {queries}
vllm:prefix_cache_hits_total{{engine="0",model_name="m"}} {hits}
vllm:num_preemptions_total{{engine="0",model_name="m"}} {preempted}
vllm:spec_decode_num_draft_tokens_total{{engine="0"}} {drafts}
vllm:spec_decode_num_accepted_tokens_total{{engine="0"}} {accepted}
vllm:kv_cache_usage_perc{{engine="0",model_name="m"}} {usage}
vllm:cache_config_info{{block_size="16",engine="0",num_gpu_blocks="1000"}} 1.0
vllm:num_requests_running{{engine="0"}} {running}
vllm:num_requests_waiting{{engine="0"}} {waiting}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="0.1"}} {fast}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="0.2"}} {all}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="+Inf"}} {all}
vllm:time_to_first_token_seconds_sum{{engine="0"}} {seconds}
vllm:time_to_first_token_seconds_count{{engine="0"}} {all}
"""


def vllm(**changed):
    """A page of vLLM's."""
    zeros = "queries hits preempted drafts accepted usage running waiting fast all seconds"
    return VLLM.format(**{**dict.fromkeys(zeros.split(), 0), **changed})


def test_counters_are_differences_and_gauges_come_from_during_the_load():
    """vLLM: what was there before is not the run's, and what is left after it is no level."""
    block = told(
        vllm(
            queries=1000, hits=900, preempted=5, drafts=10, accepted=9, fast=90, all=90, seconds=9
        ),
        [
            vllm(
                queries=1100,
                hits=900,
                usage=0.5,
                running=4,
                waiting=9,
                preempted=5,
                drafts=20,
                accepted=9,
                all=100,
                seconds=9,
            ),
            vllm(
                queries=1200,
                hits=910,
                usage=0.25,
                running=8,
                preempted=6,
                drafts=20,
                accepted=9,
                all=100,
                seconds=9,
            ),
        ],
        vllm(
            queries=1400,
            hits=1000,
            usage=0.9,
            preempted=7,
            drafts=50,
            accepted=19,
            fast=95,
            all=100,
            seconds=10.5,
        ),
    )
    assert block["kind"] == "vllm"
    assert block["notes"] == [] == block["untold"]
    assert values(block) == {
        "prefix_cache_hits": 100,
        "prefix_cache_queries": 400,
        "prefix_hit_rate": 0.25,
        "evict_count": 2,
        "spec_accepted_tokens": 10,
        "spec_draft_tokens": 40,
        "spec_accept_rate": 0.25,
        "kv_used_tokens": 8000,
        "running": 8,
        "waiting": 9,
        "server_ttft_ms_mean": 150,
        "server_ttft_ms_p50": 100,
        "server_ttft_ms_p99": 198,
    }
    assert block["figures"]["kv_used_tokens"]["from"].endswith("highest of 2 readings")


def test_the_protocols_fields_are_filled_and_no_others():
    """What is told leaves `unobserved`, a told zero too; the rest stays there."""
    block = told(vllm(), [vllm(usage=0.5)], vllm(queries=100, hits=40))
    filled = observed(unfilled(), [block])
    assert (filled["prefix_hit_rate"], filled["kv_used_tokens"]) == (0.4, 8000)
    assert filled["evict_count"] == 0
    gone = set(SERVER_ONLY) - set(filled["unobserved"])
    assert gone == {"prefix_hit_rate", "kv_used_tokens", "evict_count"}
    Metrics.model_validate(filled)
    assert observed(unfilled(), []) == unfilled()


@pytest.mark.parametrize("name", ["prefix_cache", "gpu_prefix_cache"])
@pytest.mark.parametrize("suffix", ["", "_total"])
def test_old_spellings_mean_the_same(name, suffix):
    """Counters of vLLM's were called `gpu_…`, and some readers drop `_total`."""

    def page(hits, queries):
        lines = f"vllm:{name}_hits{suffix} {hits}\nvllm:{name}_queries{suffix} {queries}\n"
        return f"{lines}vllm:gpu_cache_usage_perc 0.5\n"

    block = told(page(1, 10), [page(1, 10)], page(4, 20))
    assert values(block)["prefix_hit_rate"] == 0.3
    assert "kv_used_tokens" not in values(block)  # nobody says how large the cache is


def test_the_oldest_vllm_only_has_a_rate():
    """A gauge stands in for counters that are not there; it says so, and -1 is no rate."""
    page = "vllm:gpu_prefix_cache_hit_rate {}\n".format
    block = told(page(0.9), [page(0.2), page(0.4), page(-1)], page(0.9))
    assert block["figures"]["prefix_hit_rate"] == {
        "value": 0.3,
        "from": "vllm:gpu_prefix_cache_hit_rate, mean of 2 readings",
        "unit": "fraction",
    }


def test_a_counter_that_went_backwards_is_not_known():
    """A server that began anew, seen during the load or after it: a note, and no figure."""
    for during, after in (
        (vllm(queries=10, hits=5), vllm(queries=5000, hits=4000)),
        (vllm(queries=1100, hits=900), vllm(queries=5, hits=4)),
        (vllm(queries=1100, hits=900), "vllm:num_preemptions_total 3\n"),
    ):
        block = told(vllm(queries=1000, hits=800), [during], after)
        assert not {"prefix_hit_rate", "prefix_cache_hits"} & values(block).keys()
        assert {"prefix_hit_rate", "prefix_cache_queries"} <= set(block["untold"])
        assert any("prefix_cache_queries_total went backwards" in note for note in block["notes"])
        assert "prefix_hit_rate" in observed(unfilled(), [block])["unobserved"]
        assert remarks([block])[0].startswith("server host: vllm:")


def test_a_series_that_comes_during_the_run_began_at_zero():
    """Exporters show a label only from its first event on."""
    block = told(
        "sglang:prompt_tokens_total 100\n",
        [],
        """
sglang:prompt_tokens_total 300
sglang:cached_tokens_total{cache_source="device"} 40
sglang:cached_tokens_total{cache_source="host"} 10
""",
    )
    assert values(block)["prefix_hit_rate"] == 0.25


def test_sglangs_ranks_say_the_same_thing_once_each():
    """Tensor-parallel ranks repeat their group's figures; data-parallel ones add up."""
    page = """
sglang:num_used_tokens{{dp_rank="0",tp_rank="0"}} {0}
sglang:num_used_tokens{{dp_rank="0",tp_rank="1"}} {0}
sglang:num_used_tokens{{dp_rank="1",tp_rank="2"}} 7
sglang:eviction_duration_seconds_sum{{tp_rank="0"}} {1}
sglang:eviction_duration_seconds_sum{{tp_rank="1"}} {1}
sglang:eviction_duration_seconds_count{{tp_rank="0"}} {0}
sglang:spec_accept_rate 0.0
sglang:num_queue_reqs 3
""".format
    found = values(told(page(0, 0), [page(5, 0.25)], page(6, 0.5)))
    assert found["kv_used_tokens"] == 12
    assert (found["evict_count"], found["evict_ms"]) == (6, 500)
    assert found["waiting"] == 3
    assert "spec_accept_rate" not in found  # 0 where nothing is speculated


def test_gpu_memory_is_the_highest_sum_over_the_gpus():
    """DCGM names a GPU once a pod, and writes a huge number for "not known"."""
    page = """
DCGM_FI_DEV_FB_USED{{gpu="0",UUID="a",pod="x"}} {0}
DCGM_FI_DEV_FB_USED{{gpu="0",UUID="a",pod="y"}} {0}
DCGM_FI_DEV_FB_USED{{gpu="1",UUID="b"}} {1}
DCGM_FI_DEV_FB_USED{{gpu="2",UUID="c"}} 9223372036854775794
""".format
    block = told(page(1, 1), [page(500, 100), page(300, 400)], page(900, 900))
    assert values(block) == {"peak_mem_mb": 700}
    assert observed(unfilled(), [block])["peak_mem_mb"] == 700


GATEWAY = """
sagellm_gateway_http_requests_total{{method="POST",path="/v1/chat/completions",status="200"}} {0}
sagellm_gateway_http_requests_total{{method="POST",path="/v1/chat/completions",status="429"}} {1}
sagellm_gateway_http_requests_total{{method="GET",path="/info",status="200"}} {0}
sagellm_gateway_active_requests {1}
sagellm_gateway_http_request_duration_seconds_sum{{method="POST"}} {0}
sagellm_gateway_http_request_duration_seconds_count{{method="POST"}} {0}
""".format


def test_nothing_of_a_gateway_is_a_latency_or_a_level():
    """It stops its clock when the headers of a stream go out, and its gauge of requests too."""
    block = told(GATEWAY(1, 0), [GATEWAY(2, 3)], GATEWAY(9, 4))
    assert block["kind"] == "sagellm"
    assert values(block) == {
        "gateway_responses": 12,
        "gateway_client_errors": 4,
        "gateway_server_errors": 0,
    }
    assert observed(unfilled(), [block]) == unfilled()


def test_readings_that_failed_are_told_of():
    """Some failed: a note. A target without the page at all: none, it is no sageLLM's duty."""
    failed = reading(DURING, error="no answer in 2 s")
    (block,) = server_metrics([reading(BEFORE, vllm()), failed, reading(AFTER, vllm(queries=1))])
    assert (block["scrapes"], block["errors"], block["error"]) == (3, 1, "no answer in 2 s")
    assert block["notes"] == ["1 of 3 readings failed: no answer in 2 s"]
    (block,) = server_metrics([reading(BEFORE, error="HTTP 404")])
    assert (block["kind"], block["notes"], block["figures"]) == ("openmetrics", [], {})
    (block,) = server_metrics([reading(BEFORE, error="HTTP 404", name="gpu")])
    assert block["notes"] == ["1 of 1 readings failed: HTTP 404"]


@pytest.mark.parametrize(("lost", "missing"), [(BEFORE, "before"), (AFTER, "after")])
def test_without_both_ends_no_counter_is_known(lost, missing):
    """A reading that failed before or after the load leaves counters unknown, gauges not."""
    phases = {BEFORE: vllm(), DURING: vllm(waiting=2), AFTER: vllm(queries=10)}
    scrapes = [
        reading(phase, error="refused") if phase == lost else reading(phase, text)
        for phase, text in phases.items()
    ]
    (block,) = server_metrics(scrapes)
    assert "prefix_cache_queries" not in values(block)
    assert values(block)["waiting"] == 2
    assert any(f"no reading {missing} the load" in note for note in block["notes"])


def test_several_servers_are_one_system():
    """Counts and levels add up; a share is of all parts and all wholes, not a mean of shares."""

    def engine(name, hits, queries, usage):
        end = vllm(hits=hits, queries=queries)
        return [
            reading(BEFORE, vllm(), name=name),
            reading(DURING, vllm(usage=usage), name=name),
            reading(AFTER, end, name=name),
        ]

    blocks = server_metrics([*engine("a", 90, 100, 0.5), *engine("b", 0, 900, 0.25)])
    filled = observed(unfilled(), blocks)
    assert filled["prefix_hit_rate"] == 0.09
    assert filled["kv_used_tokens"] == 12000
    blocks[0]["untold"].append("prefix_hit_rate")  # one engine began anew: no half truths
    assert "prefix_hit_rate" in observed(unfilled(), blocks)["unobserved"]


def test_absurd_figures_are_not_believed():
    """More hits than queries, or numbers beyond all measure, fill nothing."""
    more = told(vllm(), [], vllm(hits=20, queries=10))
    assert "prefix_hit_rate" not in values(more)
    huge = told(vllm(), [], vllm(preempted=1e30))
    assert "evict_count" not in values(huge)
    assert "no figure to believe" in huge["notes"][0]

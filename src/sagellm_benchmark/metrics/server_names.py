"""Which names of which server mean what: plain tables, one a kind of server.

Of several spellings the newest comes first, and the first that a server uses counts. The names are
those of the servers' own documentation; `docs/server-metrics.md` says the same for people. Nothing
of a sageLLM gateway is a latency here: it counts a stream as answered when its headers go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Names = tuple[str, ...]

SAGELLM, VLLM, SGLANG, DCGM, OTHER = "sagellm", "vllm", "sglang", "dcgm", "openmetrics"
"""Kinds of servers."""


@dataclass(frozen=True)
class Rise:
    """A counter: what it grew by from before the load to after it.

    Attributes:
        field: Our name.
        names: The server's, the newest first.
        unit: Of the figure.
        scale: Our units in one of the server's.
        where: Labels, and how their values begin in what counts; all of it counts without.
    """

    field: str
    names: Names
    unit: str
    scale: float = 1.0
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Share:
    """One counter's growth as a part of another's.

    Attributes:
        field: Our name.
        part: Our name of the one.
        whole: Our name of the other.
        level: A gauge that stands in where a server has no such counters: its mean, where above 0.
    """

    field: str
    part: str
    whole: str
    level: Names = ()


@dataclass(frozen=True)
class Level:
    """A gauge while the load was on, its series added up.

    Attributes:
        field: Our name.
        names: The server's.
        unit: Of the figure.
        stat: "max", "mean" or "min" over the readings.
    """

    field: str
    names: Names
    unit: str
    stat: str = "max"


@dataclass(frozen=True)
class Times:
    """A histogram of seconds: mean, median and p99 of what was added, in ms, as the server saw it.

    Attributes:
        field: How our names begin.
        names: The server's.
    """

    field: str
    names: Names


@dataclass(frozen=True)
class Kind:
    """What one kind of server tells.

    Attributes:
        kept: The labels that tell series apart, all if empty; series alike in these say the same
            thing twice, and the highest counts.
        ignored: Labels that do not tell series apart.
        kv_usage: Gauges of the share of the KV cache in use, where only its labelled size makes
            tokens of it.
    """

    rises: tuple[Rise, ...] = ()
    shares: tuple[Share, ...] = ()
    levels: tuple[Level, ...] = ()
    times: tuple[Times, ...] = ()
    kept: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    kv_usage: Names = ()
    names: frozenset[str] = field(init=False)
    counters: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = ("_bucket", "_sum", "_count")
        counters = {name for rise in self.rises for name in rise.names}
        counters |= {f"{n}{end}" for times in self.times for n in times.names for end in parts}
        gauges = {name for level in self.levels for name in level.names}
        gauges |= {name for share in self.shares for name in share.level} | {*self.kv_usage}
        object.__setattr__(self, "counters", frozenset(counters))
        object.__setattr__(self, "names", frozenset(counters | gauges | {CACHE_CONFIG}))


CACHE_CONFIG = "vllm:cache_config_info"
"""A sample of 1 whose labels hold the size of vLLM's KV cache."""

_ANSWERED = ("sagellm_gateway_http_requests_total",)
_POST = ("method", "POST")
_PREFIX = Share("prefix_hit_rate", "prefix_cache_hits", "prefix_cache_queries")

KINDS: Mapping[str, Kind] = {
    SAGELLM: Kind(
        rises=(
            Rise("gateway_responses", _ANSWERED, "responses", where=(_POST,)),
            Rise("gateway_client_errors", _ANSWERED, "responses", where=(_POST, ("status", "4"))),
            Rise("gateway_server_errors", _ANSWERED, "responses", where=(_POST, ("status", "5"))),
            Rise("prefix_cache_hits", ("sagellm_sim_prefix_cache_hit_tokens_total",), "tokens"),
            Rise(
                "prefix_cache_queries", ("sagellm_sim_prefix_cache_query_tokens_total",), "tokens"
            ),
            Rise("evict_count", ("sagellm_sim_prefix_cache_evicted_blocks_total",), "evictions"),
        ),
        shares=(_PREFIX,),
        levels=(
            Level("kv_used_tokens", ("sagellm_sim_kv_used_tokens",), "tokens"),
            Level("running", ("sagellm_sim_running",), "requests"),
            Level("waiting", ("sagellm_sim_waiting",), "requests"),
            Level("healthy_engines", ("healthy_engine_count",), "engines", "min"),
        ),
    ),
    VLLM: Kind(
        rises=(
            Rise(
                "prefix_cache_hits",
                (
                    "vllm:prefix_cache_hits_total",
                    "vllm:prefix_cache_hits",
                    "vllm:gpu_prefix_cache_hits_total",
                    "vllm:gpu_prefix_cache_hits",
                ),
                "tokens",
            ),
            Rise(
                "prefix_cache_queries",
                (
                    "vllm:prefix_cache_queries_total",
                    "vllm:prefix_cache_queries",
                    "vllm:gpu_prefix_cache_queries_total",
                    "vllm:gpu_prefix_cache_queries",
                ),
                "tokens",
            ),
            Rise(
                "evict_count",
                ("vllm:num_preemptions_total", "vllm:num_preemptions"),
                "preemptions",
            ),
            Rise(
                "spec_accepted_tokens",
                (
                    "vllm:spec_decode_num_accepted_tokens_total",
                    "vllm:spec_decode_num_accepted_tokens",
                ),
                "tokens",
            ),
            Rise(
                "spec_draft_tokens",
                (
                    "vllm:spec_decode_num_draft_tokens_total",
                    "vllm:spec_decode_num_draft_tokens",
                ),
                "tokens",
            ),
        ),
        shares=(
            Share(
                "prefix_hit_rate",
                "prefix_cache_hits",
                "prefix_cache_queries",
                ("vllm:gpu_prefix_cache_hit_rate",),
            ),
            Share(
                "spec_accept_rate",
                "spec_accepted_tokens",
                "spec_draft_tokens",
                ("vllm:spec_decode_draft_acceptance_rate",),
            ),
        ),
        levels=(
            Level("running", ("vllm:num_requests_running",), "requests"),
            Level("waiting", ("vllm:num_requests_waiting",), "requests"),
        ),
        times=(
            Times("server_ttft_ms", ("vllm:time_to_first_token_seconds",)),
            Times("server_e2e_ms", ("vllm:e2e_request_latency_seconds",)),
            Times("server_queue_ms", ("vllm:request_queue_time_seconds",)),
            Times("server_prefill_ms", ("vllm:request_prefill_time_seconds",)),
            Times("server_decode_ms", ("vllm:request_decode_time_seconds",)),
        ),
        kv_usage=("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
    ),
    SGLANG: Kind(
        rises=(
            Rise("prefix_cache_hits", ("sglang:cached_tokens_total",), "tokens"),
            Rise("prefix_cache_queries", ("sglang:prompt_tokens_total",), "tokens"),
            Rise("evict_count", ("sglang:eviction_duration_seconds_count",), "evictions"),
            Rise("evict_ms", ("sglang:eviction_duration_seconds_sum",), "ms", scale=1000.0),
            Rise("evicted_tokens", ("sglang:evicted_tokens_total",), "tokens"),
            Rise("retractions", ("sglang:num_retracted_requests_total",), "requests"),
        ),
        shares=(
            Share(
                "prefix_hit_rate",
                "prefix_cache_hits",
                "prefix_cache_queries",
                ("sglang:cache_hit_rate",),
            ),
            Share("spec_accept_rate", "", "", ("sglang:spec_accept_rate",)),
        ),
        levels=(
            Level("kv_used_tokens", ("sglang:num_used_tokens", "sglang:kv_used_tokens"), "tokens"),
            Level("running", ("sglang:num_running_reqs",), "requests"),
            Level("waiting", ("sglang:num_queue_reqs",), "requests"),
        ),
        times=(
            Times("server_ttft_ms", ("sglang:time_to_first_token_seconds",)),
            Times("server_e2e_ms", ("sglang:e2e_request_latency_seconds",)),
            Times("server_queue_ms", ("sglang:queue_time_seconds",)),
        ),
        ignored=frozenset(("tp_rank", "pp_rank", "moe_ep_rank")),
    ),
    DCGM: Kind(
        levels=(
            Level("peak_mem_mb", ("DCGM_FI_DEV_FB_USED",), "MiB"),
            Level("gpu_power_w", ("DCGM_FI_DEV_POWER_USAGE",), "W", "mean"),
        ),
        kept=frozenset(("UUID", "GPU_I_ID", "gpu")),
    ),
    OTHER: Kind(),
}

BEGINNINGS = (
    ("vllm:", VLLM),
    ("sglang:", SGLANG),
    ("DCGM_FI_", DCGM),
    ("sagellm_", SAGELLM),
    ("registered_engine", SAGELLM),
)
"""How the names begin that give a kind away."""

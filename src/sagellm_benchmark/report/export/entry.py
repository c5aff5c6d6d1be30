"""The sageLLM leaderboard's entry, as strictly as its readers take it.

Fields that are required have no default; what may be unknown is null. `checked` takes a plain
mapping and gives the entry back, or says what is wrong in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Version = Annotated[str, Meta(pattern=r"^\d+\.\d+\.\d+(\.\d+)?$")]
VersionOrNone = Annotated[str, Meta(pattern=r"^(\d+\.\d+\.\d+(\.\d+)?|N/A)$")]
Id = Annotated[str, Meta(pattern=r"^[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}$")]
Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")]
Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1)]
Whole = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Part(Struct, kw_only=True, forbid_unknown_fields=True):
    """A part of an entry; a key that it does not know is refused."""


class Hardware(Part):
    """What computed."""

    vendor: Literal["Intel", "AMD", "NVIDIA", "Huawei", "Unknown", "Other"]
    chip_model: Text
    chip_count: Count
    chips_per_node: Count | None = None
    interconnect: Text | UnsetType = UNSET
    intra_node_interconnect: Text | UnsetType = UNSET
    memory_per_chip_gb: Amount | None = None
    total_memory_gb: Amount | None = None

    def __post_init__(self) -> None:
        if self.interconnect is UNSET and self.intra_node_interconnect is UNSET:
            raise ValueError("interconnect or intra_node_interconnect must be there")


class Model(Part):
    """What was computed."""

    name: Text
    parameters: Text
    precision: Literal["FP32", "FP16", "BF16", "INT8", "INT4", "FP8"]
    quantization: Text | None = None


class Workload(Part):
    """What was asked for: mean lengths in tokens."""

    input_length: Count
    output_length: Count
    batch_size: Count | None = None
    concurrent_requests: Count | None = None
    dataset: Text | None = None


class Figures(Part):
    """The Protocol's metrics of the run; null is not observed."""

    ttft_ms: Amount
    throughput_tps: Amount
    peak_mem_mb: Whole
    error_rate: Share
    tbt_ms: Amount | None = None
    tpot_ms: Amount | None = None
    prefix_hit_rate: Share | None = None
    kv_used_tokens: Whole | None = None
    kv_used_bytes: Whole | None = None
    evict_count: Whole | None = None
    evict_ms: Amount | None = None
    spec_accept_rate: Share | None = None


class Parallelism(Part):
    """How the model is spread."""

    tensor_parallel: Count | None = None
    pipeline_parallel: Count | None = None
    data_parallel: Count | None = None


class Cluster(Part):
    """Several nodes."""

    node_count: Annotated[int, Meta(ge=2)]
    comm_backend: Text
    topology_type: Text
    inter_node_network: Text | None = None
    network_bandwidth_gbps: Whole | None = None
    parallelism: Parallelism | None = None


class Versions(Part):
    """Of the packages that served, and of this one."""

    protocol: VersionOrNone
    backend: VersionOrNone
    core: VersionOrNone
    control_plane: VersionOrNone
    gateway: VersionOrNone
    kv_cache: VersionOrNone
    comm: VersionOrNone
    compression: VersionOrNone
    benchmark: VersionOrNone


class Environment(Part):
    """Of the servers."""

    os: Text
    python_version: Text
    pytorch_version: Text | None = None
    cuda_version: Text | None = None
    cann_version: Text | None = None
    driver_version: Text | None = None


class Metadata(Part):
    """Who says so."""

    submitted_at: Instant
    submitter: Text
    data_source: Literal["automated-benchmark", "manual-submission", "community-contribution"]
    reproducible_cmd: Text | None = None
    git_commit: Text | None = None
    notes: Text | None = None
    verified: bool = False

    def __post_init__(self) -> None:
        if self.verified:
            raise ValueError("verified is for others to say")


class Entry(Part):
    """One result."""

    entry_id: Id
    sagellm_version: Version
    config_type: Literal["single_gpu", "multi_gpu", "multi_node"]
    hardware: Hardware
    model: Model
    workload: Workload
    metrics: Figures
    cluster: Cluster | None
    versions: Versions
    environment: Environment
    metadata: Metadata

    def __post_init__(self) -> None:
        if (self.cluster is not None) != (self.config_type == "multi_node"):
            raise ValueError("a cluster goes with multi_node, and with nothing else")


def checked(entry: Mapping[str, Any]) -> Entry:
    """An entry from plain values.

    Raises:
        msgspec.ValidationError: It is none; the text says where.
    """
    return msgspec.convert(entry, Entry)

"""What a simulator may be told."""

from __future__ import annotations

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.config import SimConfig


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("dialect", "klingon", "--dialect"),
        ("model", "", "--model"),
        ("ttft_ms", -1.0, "--ttft-ms"),
        ("itl_ms", float("nan"), "--itl-ms"),
        ("prefill_ms_per_1k", float("inf"), "--prefill-ms-per-1k"),
        ("kv_tokens", 0, "--kv-tokens"),
        ("max_batch", 0, "--max-batch"),
        ("default_output_tokens", 0, "--default-output-tokens"),
        ("die_every", -1, "--die-every"),
        ("die_after_tokens", 0, "--die-after-tokens"),
        ("keep_alive_s", 0.0, "--keep-alive-s"),
        ("max_seconds", 0.0, "--max-seconds"),
    ],
)
def test_a_value_out_of_range_names_its_option(field, value, option):
    """Bad settings are one line that names the option, before anything is started."""
    with pytest.raises(UsageError, match=option):
        SimConfig(**{field: value})


def test_the_line_shows_every_figure_that_shapes_the_load():
    """A reader of the first line knows the model's latencies without knowing the defaults."""
    line = SimConfig(die_every=3, accept_delay_ms=20).line()
    for part in ("dialect=sagellm", "ttft_ms=30", "itl_ms=15", "die_every=3", "accept_delay_ms=20"):
        assert part in line
    assert "kv_tokens" not in SimConfig(fixed=True).line()

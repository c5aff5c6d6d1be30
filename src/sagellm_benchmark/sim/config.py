"""What a simulated gateway is told: one frozen object, checked when it is made.

Times are in the units that their names end in. `line()` is what the command prints at start: every
figure in force, defaults included, so that no run depends on a number that nobody saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.faults import Rule, Script, make_rule

DIALECTS = ("sagellm", "openai")


@dataclass(frozen=True, kw_only=True)
class SimConfig:
    """Everything that a simulated gateway needs to know.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 lets the system choose.
        dialect: "sagellm" (bytes like the real gateway's) or "openai" (an engine, or any server).
        model: The one model served.
        fixed: Send token k of every stream at received + ttft_ms + k * itl_ms, whatever the load.
        ttft_ms: Fixed part of the time to the first token.
        prefill_ms_per_1k: Compute time of 1000 prompt tokens that no prefix cache holds.
        itl_ms: Fixed part of one decode step.
        batch_cost_us: What each running request adds to a decode step.
        kv_tokens: Tokens (prompt and output) that running requests may hold together.
        max_batch: Requests that run at the same time.
        default_output_tokens: Length of a reply whose request names none.
        seed: Chooses the words of the replies.
        accept_delay_ms: How late each connection is accepted.
        die_every: Every so many-th request dies; 0 for none. A rule like those of `faults`.
        die_after_tokens: Tokens that a dying stream sends before its connection is closed.
        faults: What is to go wrong with which requests, or None.
        keep_alive_s: Idle time after which a connection is closed.
        send_log: File for one JSON line per request, or None.
        register: URL of a real gateway to register at as an engine, or None.
        max_seconds: Time after which the server stops by itself, or None.

    Raises:
        UsageError: A value out of range; the text names the option.
    """

    host: str = "127.0.0.1"
    port: int = 0
    dialect: str = "sagellm"
    model: str = "sim-llm"
    fixed: bool = False
    ttft_ms: float = 30.0
    prefill_ms_per_1k: float = 40.0
    itl_ms: float = 15.0
    batch_cost_us: float = 50.0
    kv_tokens: int = 400_000
    max_batch: int = 256
    default_output_tokens: int = 64
    seed: int = 0
    accept_delay_ms: float = 0.0
    die_every: int = 0
    die_after_tokens: int = 1
    faults: Script | None = None
    keep_alive_s: float = 5.0
    send_log: Path | None = None
    register: str | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.dialect not in DIALECTS:
            raise UsageError(f"--dialect {self.dialect}: choose one of {', '.join(DIALECTS)}")
        if not self.model:
            raise UsageError("--model: the name may not be empty")
        for name in ("ttft_ms", "prefill_ms_per_1k", "itl_ms", "batch_cost_us", "accept_delay_ms"):
            self._at_least(name, 0)
        for name in ("kv_tokens", "max_batch", "default_output_tokens", "die_after_tokens"):
            self._at_least(name, 1)
        self._at_least("die_every", 0)
        for name in ("keep_alive_s", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{_option(name)} {value:g}: give seconds above 0")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Everything that is to go wrong, first the script's."""
        rules = () if self.faults is None else self.faults.rules
        if self.die_every:
            dying = make_rule("close", "every", self.die_every, after_tokens=self.die_after_tokens)
            rules = (*rules, dying)
        return rules

    def _at_least(self, name: str, low: int) -> None:
        value = getattr(self, name)
        if not low <= value < float("inf"):
            raise UsageError(f"{_option(name)} {value:g}: give a number of at least {low}")

    def line(self) -> str:
        """Describe, in one line, all that decides what a client will see."""
        parts = [f"model={self.model}", f"dialect={self.dialect}", f"ttft_ms={self.ttft_ms:g}"]
        if self.fixed:
            parts += ["fixed=yes", f"itl_ms={self.itl_ms:g}"]
        else:
            parts += [
                f"prefill_ms_per_1k={self.prefill_ms_per_1k:g}",
                f"itl_ms={self.itl_ms:g}",
                f"batch_cost_us={self.batch_cost_us:g}",
                f"kv_tokens={self.kv_tokens}",
                f"max_batch={self.max_batch}",
            ]
        parts += [f"default_output_tokens={self.default_output_tokens}", f"seed={self.seed}"]
        if self.accept_delay_ms:
            parts.append(f"accept_delay_ms={self.accept_delay_ms:g}")
        if self.die_every:
            parts.append(f"die_every={self.die_every} die_after_tokens={self.die_after_tokens}")
        if self.faults is not None:
            parts.append(f"fault_rules={len(self.faults.rules)} faults={self.faults.path}")
        return " ".join(parts)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")

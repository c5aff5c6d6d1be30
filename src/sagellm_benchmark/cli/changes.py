"""The options of `trace convert` that change a trace, and the changes that they ask for.

In: parsed arguments. Out: changes in the one order in which they are always applied, whatever the
order of the options: ties spread, traces merged, rows chosen, a part cut out, sessions thinned,
cloned, lengths capped, and then a pace: a rate curve, or one speed for all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import Change
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.transforms import Pace, Selection

ORDER = (
    "options are applied in this order: --spread-ties, --merge, --where, --start, --end, --limit, "
    "--thin, --clone, --cap-input, --cap-output, then --rate-curve, --speed or --rate"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument_group("changes", ORDER).add_argument
    add("--spread-ties", action="store_true", help="spread rows over the ticks of a coarse clock")
    add("--merge", action="append", default=[], metavar="FILE", help="add another trace's rows")
    add(
        "--where",
        action="append",
        default=[],
        metavar="COND",
        help="keep rows such as model=a,b or class!=batch or input_tokens<=4096; may be repeated",
    )
    add("--start", type=float, metavar="S", help="leave out what arrives before")
    add("--end", type=float, metavar="S", help="leave out what arrives from then on")
    add("--limit", type=int, metavar="N", help="take N rows; sessions are not cut")
    add("--cut-sessions", action="store_true", help="cut sessions at the limit")
    add("--thin", type=float, metavar="P", help="keep a share of the sessions, each whole")
    add("--clone", type=int, metavar="K", help="K times the load: shifted copies laid over it")
    add("--cap-input", type=int, metavar="N", help="cut prompts to N tokens")
    add("--cap-output", type=int, metavar="N", help="cut replies to N tokens")
    add("--rate-curve", metavar="FILE.yaml", help="warp arrivals to follow a rate over time")
    add("--speed", type=float, default=1.0, metavar="X", help="divide times by X")
    add("--rate", type=float, metavar="R", help="retime to R requests a second")
    add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (default 0)")


def changes_of(args: argparse.Namespace) -> Iterator[Change]:
    """The changes asked for, in their order.

    Raises:
        UsageError: A value is out of range, or a file that is named is bad.
    """
    pace = Pace(args.speed, args.rate)
    if args.rate_curve is not None and pace != Pace():
        raise UsageError("--rate-curve: excludes --speed and --rate; give one of them")
    if args.seed < 0:
        raise UsageError(f"--seed: {args.seed} is not 0 or more")
    yield from _of_rows(args)
    if args.thin is not None:
        from sagellm_benchmark.trace.changes.picking import Thin

        yield Thin(args.thin, args.seed)
    if args.clone is not None:
        from sagellm_benchmark.trace.changes.clones import Clone

        yield Clone(args.clone, args.seed)
    if args.cap_input is not None or args.cap_output is not None:
        from sagellm_benchmark.trace.changes.caps import Cap

        yield Cap(args.cap_input, args.cap_output)
    if args.rate_curve is not None:
        from sagellm_benchmark.trace.changes.curves import Follow, read_curve

        yield Follow(read_curve(Path(args.rate_curve)))
    yield pace


def _of_rows(args: argparse.Namespace) -> Iterator[Change]:
    """What decides which rows there are."""
    from sagellm_benchmark.trace.changes.merging import Merge
    from sagellm_benchmark.trace.changes.picking import Where
    from sagellm_benchmark.trace.changes.spreading import SpreadTies

    others = [find(name) for name in args.merge]
    if args.spread_ties:
        spread = SpreadTies(args.seed)
        yield spread
        others = [spread.applied(each) for each in others]
    if others:
        yield Merge(others)
    if args.where:
        yield Where(args.where)
    yield Selection(args.start, args.end, args.limit, args.cut_sessions)

"""`python -m sagellm_benchmark` is the command `sagellm-benchmark`."""

from __future__ import annotations

import sys

from sagellm_benchmark.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

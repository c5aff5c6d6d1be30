"""`python -m sagellm_benchmark` is the command `sagellm-benchmark`."""

from __future__ import annotations

import sys

EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command; a Ctrl-C while its parts are still being loaded ends it without a word.

    Returns:
        The exit code.
    """
    try:
        from sagellm_benchmark.cli.main import main as command
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return command()


if __name__ == "__main__":
    sys.exit(main())

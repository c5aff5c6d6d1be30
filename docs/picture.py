"""Draw the README's picture from a real run: `python docs/picture.py runs/latest`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sagellm_benchmark.report.terminal import summary_svg

_REMOTE_FONTS = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)


def main(run: Path) -> None:
    """Write `demo.svg` beside this file, without the fonts that would be fetched from elsewhere."""
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    drawn = _REMOTE_FONTS.sub("\n", summary_svg(summary, f"runs/{summary['run_id']}"))
    Path(__file__).with_name("demo.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

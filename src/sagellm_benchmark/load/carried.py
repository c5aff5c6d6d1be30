"""What a coordinator carries from start to summary: a run of this process, or one of workers."""

from __future__ import annotations

from typing import TypeAlias

from sagellm_benchmark.load.cluster.course import Course
from sagellm_benchmark.load.run import Run

Carried: TypeAlias = Run | Course

"""Which run this is: its name, its directory, its salt. Made once, before any load."""

from __future__ import annotations

import logging
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError

log = logging.getLogger(__name__)

ROOM = 64 * 1024
"""Bytes that a run needs at least, for `run.json` and `summary.json`."""


@dataclass(frozen=True)
class Identity:
    """A run's name and place.

    Attributes:
        run_id: Its name, prefix of every request id.
        directory: `<out>/<run_id>`, which exists and is ours.
        salt: What goes into the prompts' root; "" for none.
    """

    run_id: str
    directory: Path
    salt: str


def claim(settings: Settings, *, again: bool = False) -> Identity:
    """Make the run's directory; two runs never share one.

    Args:
        settings: `--out`, `--run-id` and `--salt`.
        again: A further start in one process, as from the page: a name given gets a number.

    Raises:
        UsageError: The name is taken, or the directory cannot be written.
    """
    out = Path(settings.out)
    given = settings.run_id
    stem = given or time.strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        run_id = stem if number == 1 else f"{stem}-{number}"
        try:
            (out / run_id).mkdir(parents=True)
            _try_room(out / run_id)
        except FileExistsError:
            if given and not again:
                raise UsageError(
                    f"--run-id {given}: {out / given} exists already; choose another name"
                ) from None
            number += 1
        except OSError as error:
            raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None
        else:
            break
    return Identity(run_id, out / run_id, _salt(settings.salt, run_id))


def give_up(identity: Identity) -> None:
    """Take away the directory of a run that was not started: nothing in it is worth keeping."""
    # Workers on this disk take their parts of it away at the same time.
    shutil.rmtree(identity.directory, ignore_errors=True)


def withdraw(identity: Identity, records: Path) -> None:
    """Take away a worker's part of a run that it did not begin; whatever others have stays."""
    shutil.rmtree(records, ignore_errors=True)
    if {path.name for path in identity.directory.rglob("*")} <= {"run.json", records.parent.name}:
        shutil.rmtree(identity.directory, ignore_errors=True)


def _try_room(directory: Path) -> None:
    """Find out now that the disk is full, and not when the load is done."""
    probe = directory / ".probe"
    try:
        probe.write_bytes(bytes(ROOM))
    except OSError:
        probe.unlink(missing_ok=True)
        directory.rmdir()
        raise
    probe.unlink()


def _salt(option: str, run_id: str) -> str:
    return {"run": run_id, "none": ""}.get(option, option)


def point_latest(identity: Identity) -> None:
    """Let `<out>/latest` name this run, at once or not at all."""
    link = identity.directory.parent / "latest"
    if link.exists() and not link.is_symlink():
        return  # somebody's own file or directory of that name stays theirs
    fresh = identity.directory.parent / f".latest-{os.getpid()}"
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(identity.run_id)
        fresh.replace(link)
    except OSError as error:  # not every file system has links, and nobody's figures need this one
        log.warning("%s cannot be made: %s", link, error.strerror)

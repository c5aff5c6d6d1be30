"""What a worker needs for a run: the coordinator's settings, its own secrets, a target.

In: the letter that a run begins with, and the worker's own options. Out: a `Run` and its feed, or a
`UsageError` that says what is in the way; no load is sent.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path

from locust.env import Environment

from sagellm_benchmark import __version__
from sagellm_benchmark.clock import Anchor
from sagellm_benchmark.config.options import parse_values
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load import preflight
from sagellm_benchmark.load.cluster.feed import Feed
from sagellm_benchmark.load.cluster.letters import Begin
from sagellm_benchmark.load.dispatch import Role, role_of
from sagellm_benchmark.load.identity import Identity
from sagellm_benchmark.load.inputs import SECRET
from sagellm_benchmark.load.place import Place
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.target import resolve_all
from sagellm_benchmark.trace.prompts import Wording
from sagellm_benchmark.trace.tokenizer import Tokenizer, load

OWN = ("out", "cacert", "tokenizer", "api_key_env")
"""Options of which a worker's own value counts, where it has one: its disk is another one."""

STRIDE = 4096
"""Most workers that number requests of their own, as a user's tasks do."""

_SPARE_FILES = 64


class Equipment:
    """Equips one worker process.

    Args:
        environment: Locust's.
        sources: Where each of its own options came from, by key.
    """

    def __init__(self, environment: Environment, sources: Mapping[str, str]) -> None:
        self._environment = environment
        # Locust writes the coordinator's options over these when a test starts.
        options = vars(environment.parsed_options)
        self._own = {key: options[key] or None for key in SECRET}
        self._own |= {key: options[key] for key in OWN if key in sources}
        self._tokenizer: Tokenizer | None = None

    def run(self, letter: Begin) -> tuple[Run, Feed | None]:
        """Get ready.

        Raises:
            UsageError: Something is in the way.
        """
        if letter.version != __version__:
            raise UsageError(
                f"it has version {__version__} of this package and the coordinator "
                f"{letter.version}: install the same"
            )
        settings = self._settings(letter)
        tokenizer = self._load(settings, letter.tokenizer_sha256)
        _check_files(letter.streams)
        targets = resolve_all(settings)
        if not settings.no_preflight:
            preflight.ask_all(targets, settings, fit=False)
        tasks = any(role_of(each) is Role.TASKS for each in self._environment.user_classes)
        feed = None
        if not tasks:
            wording = Wording(
                letter.tokens_per_word, letter.template_tokens, letter.wording_source, tokenizer
            )
            _ = wording.vocabulary  # made now, and not while the first rows are due
            feed = Feed(letter.block_size, wording, sessions=letter.sessions)
        identity = Identity(letter.run, Path(settings.out) / letter.run, letter.salt)
        records = identity.directory / "workers" / letter.worker
        try:
            records.mkdir(parents=True)
            for folder in (records, identity.directory):
                manifest = folder / "run.json"
                if not manifest.exists():  # the coordinator's own, where its disk is this one
                    manifest.write_bytes(letter.manifest)
            place = Place(letter.worker, records, Anchor.take(), letter.number, STRIDE)
            run = Run(
                self._environment,
                settings,
                identity,
                targets,
                feed,  # type: ignore[arg-type]  # all of a plan that a run asks for
                tokenizer=tokenizer,
                place=place,
            )
        except OSError as error:
            raise UsageError(f"--out {settings.out}: cannot be written: {error.strerror}") from None
        return run, feed

    def _settings(self, letter: Begin) -> Settings:
        values = parse_values(letter.options | self._own) | letter.found
        names = [name for name, _ in values["header"]]
        for name in letter.header_names:
            if name not in names:
                raise UsageError(
                    f"--header {name}=… is in force at the coordinator and not here: give it to "
                    "each worker (header values are not sent to workers)"
                )
        return Settings(
            values=values,
            host=letter.host,
            run_time_s=letter.run_time_s,
            stop_timeout_s=letter.stop_timeout_s,
        )

    def _load(self, settings: Settings, sha256: str | None) -> Tokenizer | None:
        if settings.tokenizer is None:
            return None
        if self._tokenizer is None:
            self._tokenizer = load(settings.tokenizer)
        if self._tokenizer.sha256 != sha256:
            raise UsageError(
                f"--tokenizer {settings.tokenizer}: another file than the coordinator's"
            )
        return self._tokenizer


def _check_files(streams: int | None) -> None:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if streams is not None and allowed != resource.RLIM_INFINITY:
        needed = streams + _SPARE_FILES
        if needed > allowed:
            raise UsageError(
                f"about {needed} files must be open at once and {allowed} are allowed here: raise "
                "the limit (ulimit -n), or take more workers"
            )

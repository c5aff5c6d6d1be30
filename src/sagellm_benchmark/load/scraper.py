"""Reads what servers say of themselves, before, during and after a load.

In go the pages to read; out come a file of readings and, at the end, what they say together. Each
page has a connection of its own, 2 s and 4 MiB a reading. A page that cannot be read is noted and
stops nothing; a long one is read in slices, so that no token waits for it. The run's key and
headers go to the run's own targets and to nobody else; redirections are not followed.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
from gevent.event import Event

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.load.probe import connected, converse
from sagellm_benchmark.load.target import Target, resolve
from sagellm_benchmark.metrics.openmetrics import name_of, numbers, samples
from sagellm_benchmark.metrics.server import server_metrics
from sagellm_benchmark.record.scrapes import (
    AFTER,
    BEFORE,
    DURING,
    HOST,
    INTERVAL_S,
    Scrape,
    ScrapeFile,
    read_scrapes,
)
from sagellm_benchmark.redact import mask, redact, snippet
from sagellm_benchmark.wire.http import HTTP_ERRORS, Framing, request_bytes

if TYPE_CHECKING:
    from sagellm_benchmark.load.carried import Carried

FIRST_S = 1.0
"""From the start of the load to the first reading, so that a short one has one."""

LIMIT_S = 2.0
MOST_BYTES = 4 << 20
MOST_VALUES = 2000
"""Most numbers of a page that are kept of each reading during the load."""

_SLICE = 100
_LINE = 160
_ACCEPT = "text/plain;version=0.0.4, application/json;q=0.9, */*;q=0.1"
_NO_SUCH_PAGE = ("HTTP 4", "HTTP 501")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageOfMetrics:
    """One page to read.

    Attributes:
        name: As `--scrape` has it; those of the target begin with "host".
        url: Its address, as it may be shown.
        target: Where it is.
        payload: The request.
    """

    name: str
    url: str
    target: Target = field(repr=False)
    payload: bytes = field(repr=False)


def find_pages(settings: Settings, targets: Sequence[Target]) -> tuple[PageOfMetrics, ...]:
    """The pages of a run: its targets' own `/metrics` and `/info`, and those of `--scrape`.

    Raises:
        UsageError: A name in a URL is unknown, or a header cannot be sent.
    """
    if "none" in settings.scrape:
        return ()
    asked = [text.partition("=")[::2] for text in settings.scrape]
    named = {url for _, url in asked}
    own = dict(settings.header)
    if key := settings.api_key:
        own = {"Authorization": f"Bearer {key}", **own}
    pages = []
    for number, target in enumerate(targets, 1):
        name = HOST if len(targets) == 1 else f"{HOST}-{number}"
        for ending, path in (("", "/metrics"), ("-info", "/info")):
            if target.url + path not in named:
                pages.append(_page(name + ending, target, target.prefix + path, own))
    homes = {_home(target.url) for target in targets}
    for name, url in asked:
        headers = own if _home(url) in homes else {}
        parts = urlsplit(url)
        path = "/metrics" if parts.path in ("", "/") else parts.path
        query = f"?{parts.query}" if parts.query else ""
        pages.append(_page(name, _resolved(name, url, settings), path + query, headers))
    return tuple(pages)


def _page(name: str, target: Target, path: str, headers: dict[str, str]) -> PageOfMetrics:
    headers = {"Accept": _ACCEPT, **headers, "X-Request-ID": f"scrape-{name}"}
    scheme = "http" if target.tls is None else "https"
    url = redact(f"{scheme}://{target.netloc}{path}")
    return PageOfMetrics(name, url, target, request_bytes(path, target.netloc, headers, b"", "GET"))


def _home(url: str) -> tuple[str, str | None, int]:
    """Scheme, address and port: whose key may go there."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _resolved(name: str, url: str, settings: Settings) -> Target:
    try:
        return resolve(url, insecure=settings.insecure, cacert=settings.cacert)
    except UsageError as error:
        # The same words, by the option that was given here.
        raise UsageError(str(error).replace(f"--host {url}", f"--scrape {name}", 1)) from None


class Scraper:
    """Reads the pages of one run: once by `begin`, then again and again beside the load.

    Args:
        pages: Which.
        run: The run; its load is not on yet.
    """

    def __init__(self, pages: Sequence[PageOfMetrics], run: Carried) -> None:
        self._pages = list(pages)
        self._run = run
        self._file: ScrapeFile | None = None
        self._ended = Event()
        self._greenlet: gevent.Greenlet | None = None
        self._beginning: gevent.Greenlet | None = None

    def begin(self) -> None:
        """Read all pages for the first time; the load may start when this returns."""
        if self._pages:
            self._beginning = gevent.spawn(self._begin)
            self._beginning.join()

    def _begin(self) -> None:
        try:
            self._file = ScrapeFile(self._run.identity.directory)
        except OSError as error:
            self._give_up(error)
        self._round(BEFORE)
        self._greenlet = gevent.spawn(self._watch)

    def end(self) -> list[dict[str, Any]]:
        """Read all pages for the last time, and tell what the servers said: `server_metrics`."""
        self._ended.set()
        if self._beginning is not None:
            self._beginning.join()
        if self._greenlet is not None:
            self._greenlet.join()
            self._round(AFTER)
        if self._file is None:
            return []
        self._file.close()
        try:
            return server_metrics(read_scrapes(self._run.identity.directory))
        except (OSError, InputError) as error:
            log.warning("no server metrics: %s", error)
            return []

    def _watch(self) -> None:
        wait_s = FIRST_S
        while not self._ended.wait(wait_s):
            self._round(DURING)
            wait_s = INTERVAL_S

    def _round(self, phase: str) -> None:
        """Read all pages, side by side, and keep what they said, in their order."""
        readings = [gevent.spawn(self._read, page, phase) for page in self._pages]
        try:
            for reading in readings:
                self._file.append(reading.get())
        except OSError as failure:
            self._give_up(failure)

    def _read(self, page: PageOfMetrics, phase: str) -> Scrape:
        error, values = None, {}
        origin_ns = self._run.origin_ns
        t_s = None if phase == BEFORE else round((now() - origin_ns) / NS_PER_S, 6)
        try:
            values = self._values(page, phase)
        except (OSError, ValueError, *HTTP_ERRORS) as failure:
            error = snippet(_words(failure), _LINE, self._run.secrets)
        if phase == BEFORE and _has_none(page, error):
            self._pages.remove(page)
        return Scrape(
            t_s=t_s, name=page.name, url=page.url, phase=phase, error=error, values=values
        )

    def _give_up(self, error: OSError) -> None:
        log.warning("scrapes.jsonl cannot be written: %s; no server metrics", error.strerror)
        self._pages.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _values(self, page: PageOfMetrics, phase: str) -> dict[str, float]:
        kind, body = fetch(page)
        values: dict[str, float] = {}
        for number, (name, value) in enumerate(self._found(kind, body)):
            if number % _SLICE == _SLICE - 1:
                gevent.sleep(0)  # others' tokens come first
            if phase == DURING and name_of(name).endswith("_bucket"):
                continue
            values[name] = value
            if phase == DURING and len(values) > MOST_VALUES:
                raise ValueError(f"more than {MOST_VALUES:,} values beside its histograms")
        return values

    def _found(self, kind: str, body: bytes) -> Iterator[tuple[str, float]]:
        text = mask(body.decode("utf-8", "replace"), self._run.secrets)
        if "json" in kind or text.lstrip().startswith("{"):
            return numbers(text.encode("utf-8", "replace"))
        return samples(text)


def _has_none(page: PageOfMetrics, error: str | None) -> bool:
    """Whether a target has no such page, or not for us: it is not asked again."""
    return page.name.startswith(HOST) and error is not None and error.startswith(_NO_SUCH_PAGE)


def fetch(page: PageOfMetrics) -> tuple[str, bytes]:
    """Ask for a page once.

    Returns:
        Its type and its body.

    Raises:
        OSError: No connection, or no answer in time.
        ValueError: An answer that is none.
    """
    ear = _BodyEar()
    with connected(page.target, LIMIT_S) as stream:
        converse(stream, page.payload, ear, LIMIT_S)
    framing = ear.framing
    if framing.status != 200:
        raise ValueError(f"HTTP {framing.status}")
    if framing.headers.get("content-encoding", "identity") != "identity":
        raise ValueError("it is compressed, though not asked to be")
    return framing.headers.get("content-type", ""), b"".join(
        framing.parts[: framing.extent or None]
    )


class _BodyEar:
    """Hears a whole body of bounded size, or says that it did not."""

    answered = False

    def __init__(self) -> None:
        self.framing = Framing()
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Take what one read brought; see `Ear`."""
        if not data:
            if not self.framing.status or self.framing.delimited:
                raise ConnectionError("the connection was closed before the answer was complete")
            return True
        self.framing.feed(data)
        self._size += len(data)
        if self._size > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES >> 20} MiB")
        return self.framing.ended


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {LIMIT_S:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    if isinstance(error, HTTP_ERRORS):
        return "the answer is no HTTP"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

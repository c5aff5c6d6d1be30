"""TLS is verified unless told otherwise, and the tokens come through it."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from urllib.parse import urlsplit

import pytest
from tests.load.processes import Load, books_agree, came_out, made

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl makes the certificate")


class Front:
    """A TLS server that hands everything on to a plain one.

    Attributes:
        url: Where it is.
    """

    def __init__(self, behind, certificate, key):
        self._behind = urlsplit(behind)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"

    async def _serve(self):
        return await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)

    async def _accept(self, reader, writer):
        behind = await asyncio.open_connection(self._behind.hostname, self._behind.port)
        await asyncio.gather(_copy(reader, behind[1]), _copy(behind[0], writer))

    def close(self):
        """Stop serving."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _end(self):
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture(scope="module")
def attempts(fast, tmp_path_factory):
    """A run with the certificate, one that trusts the system's, one that trusts anybody."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *(OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    front = Front(fast.url, certificate, key)
    options = ("--headless", *made(requests=20, rate=40), "--host", front.url, "--model", "sim-llm")
    started = {
        "cacert": Load(folder / "a", *options, "--run-id", "cacert", "--cacert", certificate),
        "strict": Load(folder / "b", *options, "--run-id", "strict"),
        "insecure": Load(folder / "c", *options, "--run-id", "insecure", "--insecure"),
    }
    yield started
    for each in started.values():
        each.close()
    front.close()


@pytest.mark.parametrize(("name", "verified"), [("cacert", True), ("insecure", False)])
def test_tokens_come_through_tls(attempts, fast, name, verified):
    """With a certificate that is trusted, or `--insecure`, a run is as without TLS."""
    run = attempts[name]
    came_out(run, 0)
    books_agree(run.run, fast)
    assert run.run.states == {"ok": 20}
    assert all(record.chunks == 5 for record in run.run.records)
    assert run.run.manifest["target"]["tls"] is True
    assert run.run.manifest["target"]["verified"] is verified
    stamped = "certificate is not verified (--insecure)"
    assert run.out.count(stamped) == (0 if verified else 2)  # in the plan and in the result
    assert any(stamped in note for note in run.run.summary["notes"]) is not verified


def test_an_unknown_certificate_is_refused(attempts):
    """Nobody is trusted by default: one line that names the way out, before any load."""
    strict = attempts["strict"]
    assert strict.ended() == 2
    assert "certificate" in strict.err
    assert "Traceback" not in strict.err
    assert strict.runs == []

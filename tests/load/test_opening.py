"""Addresses are tried in turn, within the time allowed, and what fails leaves no socket."""

from __future__ import annotations

import errno
import os
import socket

import gevent
import pytest
from tests.load.scripted import always, crowded, open_files, plain, refusing, server, wait_for

from sagellm_benchmark.load import opening
from sagellm_benchmark.load.opening import ConnectFailed, open_connection
from sagellm_benchmark.load.target import Target, resolve
from sagellm_benchmark.wire.states import Phase


def several(*addresses):
    """A target that resolves to all of these ports of this machine, in this order."""
    ports = [url.rpartition(":")[2] for url in addresses]
    found = tuple((socket.AF_INET, ("127.0.0.1", int(port))) for port in ports)
    return Target("http://many", "many", "many", "", found)


def test_the_next_address_is_tried():
    """A name with several addresses is served by the first of them that answers."""
    with server(always(plain())) as to:
        connection = open_connection(several(refusing(), refusing(), to.url), 5)
        wait_for(lambda: to.open == 1)
        connection.close()


def test_no_address_answers():
    """Where all refuse, the last one's words are told, and no socket is left."""
    before = open_files()
    with pytest.raises(ConnectFailed, match="many: Connection refused") as failed:
        open_connection(several(refusing(), refusing()), 5)
    assert (failed.value.phase, failed.value.timed_out) == (Phase.CONNECT, False)
    with pytest.raises(ConnectFailed, match="no address"):
        open_connection(several(), 5)
    assert open_files() == before


def test_what_this_machine_lacks_is_not_the_targets_fault(monkeypatch):
    """No descriptor or no port left for a socket has a reason of its own; a refusal has none."""
    for number, reason in ((errno.EMFILE, "no_files"), (errno.EADDRNOTAVAIL, "no_ports")):

        def without(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(opening, "_connect", without)
        with pytest.raises(ConnectFailed, match=os.strerror(number)) as failed:
            open_connection(several(refusing()), 5)
        assert failed.value.reason == reason
    monkeypatch.undo()
    with pytest.raises(ConnectFailed) as refused:
        open_connection(several(refusing()), 5)
    assert refused.value.reason is None


def test_the_time_allowed_is_for_all_of_it():
    """Addresses that never answer share the time allowed."""
    with (
        crowded() as one,
        crowded() as two,
        pytest.raises(ConnectFailed, match=r"no connection to many in 0\.2 s") as failed,
    ):
        open_connection(several(one, two), 0.2)
    assert failed.value.timed_out


def test_somebody_elses_timeout_is_left_alone():
    """A gevent timeout of the caller passes through and leaves no socket."""
    with crowded() as url:
        before = open_files()
        for _ in range(4):
            with pytest.raises(gevent.Timeout) as expired, gevent.Timeout(0.1):
                open_connection(resolve(url), 5)
            assert expired.value.seconds == 0.1
        assert open_files() < before + 2  # of another test one may open or close meanwhile


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_ipv6():
    """An IPv6 address in brackets is a target like any other."""
    with socket.socket(socket.AF_INET6) as listening:
        try:
            listening.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
        listening.listen()
        port = listening.getsockname()[1]
        target = resolve(f"http://[::1]:{port}")
        assert target.netloc == f"[::1]:{port}"
        open_connection(target, 5).close()

"""What the system allows, and how near the load came to it."""

from __future__ import annotations

import os
import resource
import socket
import sys

import pytest
from tests.load import scripted

from sagellm_benchmark.load import limits
from sagellm_benchmark.load.limits import Limits, open_files, raise_file_limit, waiting_sockets

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells of ports")


def test_the_file_limit_is_raised(monkeypatch):
    """To the hard limit; where it is there already nothing is set."""
    allowed = [(100, 4096), (4096, 4096)]
    given = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: allowed.pop(0))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: given.append((kind, limit)))
    raise_file_limit()
    raise_file_limit()
    assert given == [(resource.RLIMIT_NOFILE, (4096, 4096))]


def test_the_peak_of_open_files_is_kept():
    """Files that are closed again count for the peak, and none is left open by the looking."""
    before = scripted.open_files()
    watched = Limits()
    watched.start()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(40)]
    watched.look_at_files()
    for descriptor in opened:
        os.close(descriptor)
    watched.look_at_files()
    files = watched.figures()["files"]
    assert files["open_peak"] > max(opened)
    assert files["limit"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert scripted.open_files() == before


def test_no_file_left_is_the_limit(monkeypatch):
    """Where not even one more can be opened, all that are allowed are open."""

    def none_left(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", none_left)
    assert open_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@LINUX
def test_ports_are_those_in_use_and_those_that_wait(monkeypatch):
    """Sockets opened since the start and sockets of the machine in TIME_WAIT."""
    monkeypatch.setattr(limits, "waiting_sockets", lambda: 1000)
    watched = Limits()
    watched.start()
    opened = [socket.socket() for _ in range(30)]
    watched.look_at_ports()
    for each in opened:
        each.close()
    watched.look_at_ports()
    ports = watched.figures()["ports"]
    assert 1030 <= ports["used_peak"] < 1100  # other programs open sockets, too
    first, last = ports["range"]
    assert 1 <= first < last <= 65535


@LINUX
def test_sockets_that_wait_are_read_from_the_system(tmp_path, monkeypatch):
    """The number behind `tw`, also where the file has more to say."""
    assert waiting_sockets() >= 0
    told = tmp_path / "sockstat"
    told.write_text("sockets: used 9\nTCP: inuse 5 orphan 0 tw 37 alloc 7 mem 1\nUDP: inuse 1\n")
    monkeypatch.setattr(limits, "_SOCKETS", told)
    assert waiting_sockets() == 37


def test_where_the_system_tells_nothing_ports_are_unknown(tmp_path, monkeypatch):
    """Unknown is null, never 0."""
    monkeypatch.setattr(limits, "_PORTS", tmp_path / "nothing")
    watched = Limits()
    watched.start()
    watched.look_at_ports()
    assert watched.figures()["ports"] is None

"""A network of its own for a worker, with one cable to this machine; removed whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager

import pytest


class Network:
    """A namespace, joined to this one by a pair of interfaces.

    Attributes:
        here: Address of our end of the cable; nothing beyond the other end can be reached.
        before: What a command stands behind to run in there.
    """

    def __init__(self, name, here):
        self.here = here
        self.before = ("ip", "netns", "exec", name)


def _run(*words):
    """Run a command; what it says where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


@contextmanager
def network():
    """A network for as long as the block lasts; skips where none can be made."""
    if not shutil.which("ip"):
        pytest.skip("there is no ip here (Debian's iproute2)")
    name, cable = f"sagellm-{os.getpid()}", (f"sl{os.getpid()}a", f"sl{os.getpid()}b")
    with ExitStack() as stack:
        if said := _run("ip", "netns", "add", name):
            pytest.skip(f"ip netns add cannot be used here: {said}")
        stack.callback(_run, "ip", "netns", "del", name)
        pair = ("ip", "link", "add", cable[0], "type", "veth", "peer", "name", cable[1])
        if said := _run(*pair):
            pytest.skip(f"ip link add cannot be used here: {said}")
        stack.callback(_run, "ip", "link", "del", cable[0])
        inside = ("ip", "-n", name)
        here, there = (f"10.211.{os.getpid() % 250}.{end}" for end in (1, 2))
        for words in (
            ("ip", "link", "set", cable[1], "netns", name),
            ("ip", "addr", "add", f"{here}/30", "dev", cable[0]),
            ("ip", "link", "set", cable[0], "up"),
            (*inside, "addr", "add", f"{there}/30", "dev", cable[1]),
            (*inside, "link", "set", cable[1], "up"),
            (*inside, "link", "set", "lo", "up"),
        ):
            said = _run(*words)
            assert not said, (words, said)
        yield Network(name, here)

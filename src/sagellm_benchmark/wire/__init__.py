"""The conversation with the server, without sockets: bytes and stamps in, Outcomes out."""

from __future__ import annotations

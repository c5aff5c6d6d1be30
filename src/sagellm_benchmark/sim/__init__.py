"""The embedded gateway: a simulated sageLLM gateway and engine that runs on any CPU.

`engine` decides when tokens are made, in virtual time. `sagellm` and `openai` decide what bytes
say so. `connection` and `exchange` put the bytes on a socket and stamp them; `sendlog` keeps the
stamps. `faults` says which requests go wrong, and `saboteur` stands between these and their answer
where a script is in force. `server.serve` ties them together. Nothing here imports gevent or
Locust.
"""

from __future__ import annotations

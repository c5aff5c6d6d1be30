"""How much of a run's limits one process may use: requests in flight, users, conversations.

One process has all of it. Of several each has its part, and the parts add up to the whole.
"""

from __future__ import annotations

import msgspec

from sagellm_benchmark.config.settings import Settings


class Share(msgspec.Struct, frozen=True):
    """What one process may have at once; None where there is no limit.

    Attributes:
        in_flight: Requests on the wire.
        users: Users of a closed loop.
        conversations: Conversations that are on.
    """

    in_flight: int | None = None
    users: int | None = None
    conversations: int | None = None

    @classmethod
    def whole(cls, settings: Settings) -> Share:
        """All that a run's settings allow."""
        return cls(settings.max_in_flight, settings.concurrency, settings.max_sessions)

    @property
    def nothing(self) -> bool:
        """Nothing may be sent with it."""
        return 0 in (self.in_flight, self.users, self.conversations)

    def split(self, parts: int) -> list[Share]:
        """Parts that add up to this, none larger than another by more than one."""
        return [
            Share(*(_part(limit, parts, number) for limit in msgspec.structs.astuple(self)))
            for number in range(parts)
        ]


def _part(limit: int | None, parts: int, number: int) -> int | None:
    return None if limit is None else limit // parts + (number < limit % parts)

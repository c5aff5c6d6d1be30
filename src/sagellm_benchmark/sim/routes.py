"""Which handler answers which method and path."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sagellm_benchmark.sim.exchange import Exchange

Handler = Callable[[Exchange], None]
Routes = Mapping[str, tuple[str, Handler]]
"""Path to its one method and the handler."""

NOT_FOUND = b'{"detail":"Not Found"}'
NOT_ALLOWED = b'{"detail":"Method Not Allowed"}'


def answer(routes: Routes, exchange: Exchange) -> None:
    """Answer by the route of the request, with 404 or 405 where there is none."""
    request = exchange.request
    method, handler = routes.get(request.path, (None, None))
    if handler is None:
        exchange.reply(404, NOT_FOUND)
    elif method != request.method:
        exchange.reply(405, NOT_ALLOWED, fields=b"allow: %b\r\n" % method.encode())
    else:
        handler(exchange)

"""The tools of the demo: ordinary functions, most of which have a bad day. Nothing here knows how a turn is run."""

import json
import math
import urllib.request
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import anyio

from everycall.core.policy import Retry
from everycall.registry import ToolRegistry

SHORT = 1.0
"""Seconds that the tools which never answer are given."""
_MAX_BYTES = 64 << 10

# A proxy in the environment is for the world outside; the demo's server is on this machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class DemoTools:
    """The tools, and the server that they ask.

    Args:
        port: of the server on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    async def get_weather(self, city: str) -> Any:  # noqa: ARG002 - the server knows one city
        """Current weather of a city."""
        return await self._ask("/weather")

    def get_invoice(self, number: int) -> Any:  # noqa: ARG002 - whatever the number, the answer is 403
        """An invoice by its number."""
        return self._get("/invoice")

    def search_flights(self, origin: str, destination: str) -> Any:  # noqa: ARG002 - the server knows one route
        """Flights from one airport to another."""
        return self._get("/flights")

    async def track_parcel(self, number: str) -> Any:  # noqa: ARG002 - the server never answers
        """Where a parcel is."""
        return await self._ask("/parcel")

    async def import_contacts(self, source: str) -> None:  # noqa: ARG002 - it is never imported from
        """Import contacts from an address book."""
        while True:
            # What no tool should do: it swallows its cancellation, for ever.
            with suppress(BaseException):
                await anyio.sleep_forever()

    def resize_photos(self, album: str) -> Any:  # noqa: ARG002 - the server knows one album
        """Resize every photo of an album. Blocks its thread."""
        return self._get("/photos")

    async def convert_currency(self, amount: float, currency: str) -> str:
        """Convert an amount of euros to another currency."""
        return f"{amount * 1.1:.2f} {currency}"

    async def mean_delay(self, delays: list[float]) -> dict[str, float]:
        """Mean of some delays in minutes; not a number for none."""
        return {"minutes": sum(delays) / len(delays) if delays else math.nan}

    def _get(self, path: str) -> Any:
        """Get a page, blocking.

        Raises:
            HTTPError: the status is 400 or more.
        """
        try:
            with _open(f"http://127.0.0.1:{self._port}{path}", timeout=10) as response:
                return json.loads(response.read(_MAX_BYTES))
        except HTTPError as error:
            error.close()
            raise

    async def _ask(self, path: str) -> Any:
        """Get a page without blocking anybody; it must exist."""
        async with await anyio.connect_tcp("127.0.0.1", self._port) as stream:
            await stream.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            with suppress(anyio.EndOfStream):
                while len(answer) < _MAX_BYTES:
                    answer += await stream.receive()
        return json.loads(answer.partition(b"\r\n\r\n")[2])


def demo_registry(port: int) -> ToolRegistry:
    """Return the demo's tools, registered: what may be repeated is said here, and how long each may take."""
    own = DemoTools(port)
    tools = ToolRegistry(timeout=10, retry=Retry(attempts=3, initial=0.2, jitter=False))
    for read_only in (own.get_weather, own.get_invoice, own.search_flights, own.convert_currency, own.mean_delay):
        tools.add(read_only, read_only=True)
    tools.add(own.track_parcel, read_only=True, timeout=SHORT, retry=Retry(attempts=1))
    tools.add(own.import_contacts, timeout=SHORT)
    tools.add(own.resize_photos, idempotent=True)
    return tools

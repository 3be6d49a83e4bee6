"""What the calls of one turn share: the name of their turn, and what middleware keeps for its length."""

import secrets
import threading
from typing import Any


class Shared:
    """Made with the turn; each part when it is first asked for.

    Args:
        key: the caller's name for the turn; None for a random one.
    """

    __slots__ = ("_key", "_lock", "_state")

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._lock = threading.Lock()  # a tool in a thread may ask for its idempotency key
        self._state: dict[object, Any] | None = None

    def turn_key(self) -> str:
        """Return what names this turn: the caller's key, or a random one that holds for all its attempts."""
        with self._lock:
            if self._key is None:
                self._key = secrets.token_hex(16)
            return self._key

    def middleware_state(self) -> dict[object, Any]:
        """Return the dict that all middleware of this turn shares. On the loop."""
        if self._state is None:
            self._state = {}
        return self._state

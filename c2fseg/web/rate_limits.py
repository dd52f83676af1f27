"""How often a client may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimiter:
    """A bucket of tokens for each client: it fills up evenly, and each request takes one.

    Args:
        per_minute: Tokens that a bucket gains in a minute, which is also what it holds at most.
        max_clients: Clients that are remembered; beyond them the one that was quiet for longest is
            forgotten, so that the memory stays bounded.
        clock: Gives the time in seconds.

    Raises:
        ValueError: A number is not positive.
    """

    def __init__(
        self,
        per_minute: int,
        max_clients: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if per_minute < 1 or max_clients < 1:
            raise ValueError(
                f'per_minute and max_clients are at least 1, got {per_minute} and {max_clients}'
            )
        self.per_minute = per_minute
        self.max_clients = max_clients
        self.clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> float:
        """Take a token.

        Args:
            client: Name of the client.

        Returns:
            0 when there was one; else the seconds until there is one again, and none is taken.
        """
        rate = self.per_minute / 60
        with self._lock:
            now = self.clock()
            tokens, since = self._buckets.get(client, (float(self.per_minute), now))
            tokens = min(float(self.per_minute), tokens + rate * (now - since))
            allowed = tokens >= 1
            self._buckets[client] = (tokens - 1 if allowed else tokens, now)
            self._buckets.move_to_end(client)
            while len(self._buckets) > self.max_clients:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1 - tokens) / rate

    @property
    def num_clients(self) -> int:
        """Clients that are remembered."""
        return len(self._buckets)

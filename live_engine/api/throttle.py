"""How often one may ask, and for how long one who failed must wait. The clock is passed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NS_PER_S = 1_000_000_000
MOST = 4_096  # callers that are remembered; who was silent longest is forgotten first


@dataclass(slots=True)
class _Bucket:
    filled: float
    at_ns: int


class Buckets:
    """Token buckets, one for each key: `rate` calls a second for good, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], int]) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one call out: 0 when it may go on, else the seconds until it may."""
        now_ns = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(float(self.burst), now_ns))
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        passed_s = (now_ns - bucket.at_ns) / NS_PER_S
        bucket.filled = min(float(self.burst), bucket.filled + passed_s * self.rate)
        bucket.at_ns = now_ns
        if bucket.filled >= 1.0:
            bucket.filled -= 1.0
            return 0.0
        return (1.0 - bucket.filled) / self.rate


@dataclass(slots=True)
class _Failures:
    count: int
    first_ns: int
    until_ns: int = 0
    locks: int = 0


class Lockout:
    """Locks a key after `most` failures within `window_s`: for `lock_s`, twice as long each time, to `longest_s`."""

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        most: int = 10,
        window_s: float = 60.0,
        lock_s: float = 30.0,
        longest_s: float = 900.0,
    ) -> None:
        self.most = most
        self.window_s = window_s
        self.lock_s = lock_s
        self.longest_s = longest_s
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def waits(self, key: str) -> float:
        """The seconds that a key is still locked for; 0 when it is not."""
        found = self._failures.get(key)
        return max(0.0, (found.until_ns - self._clock()) / NS_PER_S) if found else 0.0

    def failed(self, key: str) -> None:
        """Count a failure. While a key is locked nothing is counted."""
        now_ns = self._clock()
        found = self._failures.setdefault(key, _Failures(0, now_ns))
        self._failures.move_to_end(key)
        if len(self._failures) > MOST:
            self._failures.popitem(last=False)
        if now_ns < found.until_ns:
            return
        if now_ns - max(found.first_ns, found.until_ns) > self.window_s * NS_PER_S:
            found.count, found.first_ns, found.locks = 0, now_ns, 0
        found.count += 1
        if found.count >= self.most:
            wait_s = min(self.longest_s, self.lock_s * 2**found.locks)
            found.until_ns = now_ns + int(wait_s * NS_PER_S)
            found.count, found.locks = 0, found.locks + 1

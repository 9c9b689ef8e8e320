"""Load on a live engine, out of a process of its own: orders over kept connections, and clients of the stream.

`engine_load.py` reads what to do as JSON on stdin and prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import time
from collections import Counter, deque
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = 256
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
SEQ = re.compile(rb'"topic":"(\w+)","seq":(\d+)')
MOMENT = re.compile(rb'"(?:wall_ns|ts_ns)":(\d+)')
SMALL, MIDDLE = 126, 127  # lengths of a WebSocket frame that stand for a longer field
TEXT, CLOSE = 1, 8


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the longest, in milliseconds."""
    ordered = sorted(seconds)
    at = {name: ordered[int(len(ordered) * share)] for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {f"{name}_ms": value * 1e3 for name, value in at.items()} | {"max_ms": ordered[-1] * 1e3}


class Caller(asyncio.Protocol):
    """One kept connection with one call at a time; `answered` gets its status and the seconds it took."""

    def __init__(self, free: Callable[[Caller], None], answered: Callable[[int, float], None]) -> None:
        self._free, self._answered = free, answered
        self._buffer = b""
        self._since = 0.0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def call(self, request: bytes, since: float) -> None:
        """Send a request that was due at `since`."""
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer in."""
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if mark and length is not None and len(body) >= int(length[1]):
            self._buffer = b""
            self._answered(int(head[9:12]), time.perf_counter() - self._since)
            self._free(self)


class Orders:
    """Orders to one engine; each of its connections has one of the tokens."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._port, self._secrets = task["port"], task["secrets"]
        self._bodies = _bodies(task["named"], task["symbols"])
        self._heads: dict[Caller, bytes] = {}
        self._idle: deque[Caller] = deque()
        self._waiting: deque[float] = deque()
        self._repeat = False
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []

    async def connect(self, connections: int) -> None:
        """Open the connections."""
        for number in range(connections):
            _, caller = await asyncio.get_running_loop().create_connection(
                lambda: Caller(self._free, self._note), "127.0.0.1", self._port
            )
            secret = self._secrets[number % len(self._secrets)]
            head = f"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {secret}\r\n"
            self._heads[caller] = f"{head}Content-Type: application/json\r\nContent-Length: ".encode()
            self._idle.append(caller)

    async def offered(self, per_second: float, seconds: float) -> dict[str, float]:
        """An even pace whatever the answers; a call that finds no free connection counts from when it was due."""
        late = []
        begun = time.perf_counter()
        for number in range(int(per_second * seconds)):
            due = begun + number / per_second
            while (ahead := due - time.perf_counter()) > 0:  # noqa: ASYNC110 - a sleep may end too early
                await asyncio.sleep(ahead)
            late.append(time.perf_counter() - due)
            self._due(time.perf_counter())
        await self._all_answered(int(per_second * seconds))
        return {**percentiles(self.seconds), "pace_late_p99_ms": percentiles(late)["p99_ms"]}

    async def sustained(self, seconds: float) -> dict[str, float]:
        """Each connection sends its next order when the one before is answered."""
        self._repeat = True
        begun = time.perf_counter()
        for _ in range(len(self._idle)):
            self._due(time.perf_counter())
        await asyncio.sleep(seconds)
        self._repeat = False
        done = len(self.seconds)
        took = time.perf_counter() - begun
        await self._all_answered(done)
        return {"orders_per_second": done / took, **percentiles(self.seconds)}

    async def _all_answered(self, number: int) -> None:
        while len(self.seconds) < number or len(self._idle) < len(self._heads):  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.01)

    def _due(self, since: float) -> None:
        if self._idle:
            self._send(self._idle.popleft(), since)
        else:
            self._waiting.append(since)

    def _send(self, caller: Caller, since: float) -> None:
        body = next(self._bodies)
        caller.call(self._heads[caller] + b"%d\r\n\r\n%b" % (len(body), body), since)

    def _free(self, caller: Caller) -> None:
        if self._repeat:
            self._send(caller, time.perf_counter())
        elif self._waiting:
            self._send(caller, self._waiting.popleft())
        else:
            self._idle.append(caller)

    def _note(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.seconds.append(seconds)


def _bodies(named: str, symbols: list[str]) -> Iterator[bytes]:
    """Orders at market that fill at the next price, buying and selling in turn."""
    for number in count():
        symbol, side = symbols[number % len(symbols)], ("buy", "sell")[number // len(symbols) % 2]
        yield (
            f'{{"client_order_id":"{named}-{number}","symbol":"{symbol}","side":"{side}",'
            f'"type":"market","quantity":"1","time_in_force":"gtc"}}'
        ).encode()


class Client(asyncio.Protocol):
    """One client of the stream: it signs in by header, names its topics and counts what comes."""

    def __init__(self, task: dict[str, Any], secret: str, seen: Seen) -> None:
        self._task, self._secret, self._seen = task, secret, seen
        self._buffer = bytearray()
        self._opened = False
        self._last: dict[bytes, int] = {}
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.WriteTransport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{self._task['port']}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Authorization: Bearer {self._secret}\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Count the end."""
        self._seen.lost += 1

    def data_received(self, data: bytes) -> None:
        """Take frames in."""
        self._buffer += data
        if not self._opened:
            head, mark, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not mark:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise SystemExit(f"no stream: {head.decode()}")
            self._buffer, self._opened = bytearray(rest), True
            self._transport.write(_masked(json.dumps({"op": "subscribe", "topics": self._task["topics"]}).encode()))
            self._seen.opened += 1
        while (frame := self._frame()) is not None:
            self._take(frame)

    def _frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 - the shortest header
            return None
        length, start = buffer[1], 2
        if length == SMALL:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == MIDDLE:
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + length:
            return None
        frame = bytes(buffer[start : start + length])
        kind = buffer[0] & 15
        del buffer[: start + length]
        return frame if kind == TEXT else b""

    def _take(self, frame: bytes) -> None:
        found = SEQ.search(frame)
        if found is None:
            return
        topic, seq = found[1], int(found[2])
        if topic in self._last:  # the first one is the snapshot
            self._seen.gaps += seq - self._last[topic] - 1
            moment = MOMENT.search(frame)
            if self._seen.counting and moment is not None:
                self._seen.lags[topic].append((time.time_ns() - int(moment[1])) / 1e9)
        self._last[topic] = seq


class Seen:
    """What all clients have seen."""

    def __init__(self) -> None:
        self.opened = self.lost = self.gaps = 0
        self.counting = False
        self.lags: dict[bytes, list[float]] = {b"prices": [], b"events": []}


def _masked(text: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes((0x80 | TEXT, 0x80 | len(text))) + mask + bytes(one ^ mask[at % 4] for at, one in enumerate(text))


async def clients(task: dict[str, Any]) -> dict[str, Any]:
    """So many clients for so many seconds, with an order at its pace meanwhile."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    transports = []
    for number in range(task["clients"]):
        secret = task["secrets"][number % len(task["secrets"])]
        transport, _ = await loop.create_connection(partial(Client, task, secret, seen), "127.0.0.1", task["port"])
        transports.append(transport)
    while seen.opened < task["clients"]:  # noqa: ASYNC110 - every 10 ms is enough
        await asyncio.sleep(0.01)
    connected_s = time.perf_counter() - began
    orders = Orders(task)
    await orders.connect(1)
    seen.counting, began = True, time.perf_counter()
    await orders.offered(task["per_second"], task["seconds"])
    await asyncio.sleep(began + task["seconds"] - time.perf_counter())
    seen.counting, took_s = False, time.perf_counter() - began
    lost = seen.lost
    for transport in transports:
        transport.abort()
    lags = {topic.decode(): percentiles(values) for topic, values in seen.lags.items()}
    delivered = sum(map(len, seen.lags.values())) / took_s
    return {"connected_s": connected_s, "delivered": delivered, "lags": lags, "gaps": seen.gaps, "lost": lost}


async def orders(task: dict[str, Any]) -> dict[str, Any]:
    """Orders at a pace, or as fast as they are answered."""
    source = Orders(task)
    await source.connect(task.get("connections", CONNECTIONS))
    if "per_second" in task:
        found = await source.offered(task["per_second"], task["seconds"])
    else:
        found = await source.sustained(task["seconds"])
    return {**found, "statuses": source.statuses}


def main() -> None:
    """Do one task."""
    task = json.load(sys.stdin)
    print(json.dumps(asyncio.run(clients(task) if "clients" in task else orders(task))))


if __name__ == "__main__":
    main()

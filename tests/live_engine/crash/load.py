"""Clients that load an engine with orders, and a record of everything that it told them."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.live_engine.crash.resident import BY_HAND, Caller

if TYPE_CHECKING:
    import random

    from tests.live_engine.crash.resident import Resident

GONE = (OSError, http.client.HTTPException)
OPEN_AT_MOST = 30
TYPES = ("market", "limit", "stop", "trailing_stop", "stop_limit")
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said to a call that may change something."""

    method: str
    order_id: str
    status: int
    data: Body


@dataclass
class Told:
    """All that a home's engine was asked and has answered, whatever it was killed in the midst of."""

    sent: dict[str, Body] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)
    events: dict[int, Body] = field(default_factory=dict)
    fills: dict[int, Body] = field(default_factory=dict)

    def answer(self, method: str, order_id: str, status: int, data: Body) -> None:
        """Remember what was said."""
        self.answers.append(Answer(method, order_id, status, data))

    def unanswered(self) -> list[str]:
        """The orders of which nobody knows whether they were taken."""
        known = {one.order_id for one in self.answers if one.method == "POST"}
        return [one for one in self.sent if one not in known]


class Trader:
    """Sends orders of all kinds as fast as they are answered; `strange` are answers that nothing explains."""

    def __init__(self, resident: Resident, told: Told, name: str, chance: random.Random) -> None:
        self._name, self._told, self._chance = name, told, chance
        self._caller = Caller(resident)
        self._count = 0
        self._own: list[str] = []
        self.strange: list[str] = []

    def trade(self) -> None:
        """Trade until the engine is gone."""
        acts = [self._order] * 6 + [self._bracket] * 4 + [self._oco] * 2 + [self._cancel] * 3
        acts += [self._replace] * 3 + [self._again] * 2 + [self._look] * 2
        with suppress(*GONE), self._caller:
            while True:
                if self._chance.random() < 1 / 150:
                    self._kill_switch()
                else:
                    self._chance.choice(acts)()
                if len(self._own) > OPEN_AT_MOST:
                    self._delete(self._own.pop(0))

    def _new_id(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    def _post(self, body: Body) -> bool:
        own = body["client_order_id"]
        self._told.sent.setdefault(own, body)
        status, data = self._caller.call("POST", "/api/v1/orders", body)
        self._told.answer("POST", own, status, data)
        if status not in (200, 201, 422):
            self.strange.append(f"POST {body}: {status} {data}")
        if status == http.client.CREATED:
            self._own.append(own)
        return status in (200, 201)

    def _delete(self, own: str) -> None:
        status, data = self._caller.call("DELETE", f"/api/v1/orders/{own}")
        self._told.answer("DELETE", own, status, data)
        if status not in (200, 202):
            self.strange.append(f"DELETE {own}: {status} {data}")

    def _price(self, symbol: str) -> float:
        _, data = self._caller.call("GET", f"/api/v1/bars?symbol={symbol}&timeframe=1m&limit=1")
        return float(data["bars"][-1]["close"]) if data["bars"] else 100.0

    def _priced(self, body: Body, price: float) -> Body:
        """An order with the prices of its type: near enough to fill in a while."""
        away = self._chance.randint(1, 40) / 100
        sign = 1 if body["side"] == "buy" else -1
        kind = body["type"]
        if kind == "limit":
            body["limit_price"] = f"{price - sign * away:.2f}"
        elif kind in ("stop", "stop_limit"):
            body["stop_price"] = f"{price + sign * away:.2f}"
            if kind == "stop_limit":
                body["limit_price"] = f"{price + sign * (away + 0.05):.2f}"
        elif kind == "trailing_stop":
            body["trail"] = f"{away:.2f}"
        return body

    def _body(self, symbol: str, side: str, kind: str, quantity: int, **more: object) -> Body:
        body: Body = {"client_order_id": self._new_id(), "symbol": symbol, "side": side, "type": kind}
        return body | {"quantity": str(quantity), "time_in_force": "gtc", **more}

    def _order(self) -> None:
        symbol, side = self._chance.choice(BY_HAND[:2]), self._chance.choice(("buy", "sell"))
        quantity = self._chance.choice((1, 2, 3, 5, 7, 5_000))  # the last is denied
        body = self._body(symbol, side, self._chance.choice(TYPES), quantity)
        self._post(self._priced(body, self._price(symbol)))

    def _bracket(self) -> None:
        """An entry with a target and a stop that wait for it and cancel each other."""
        symbol = BY_HAND[2]
        price = self._price(symbol)
        kind = self._chance.choice(("market", "limit"))
        entry = self._priced(self._body(symbol, "buy", kind, self._chance.randint(1, 9)), price)
        if not self._post(entry):
            return
        own = entry["client_order_id"]
        joined = {"parent": own, "group": f"g-{own}", "reduce_only": True}
        for exit_kind in self._chance.sample(("limit", self._chance.choice(("stop", "trailing_stop"))), 2):
            body = self._body(symbol, "sell", exit_kind, int(entry["quantity"]), **joined)
            self._post(self._priced(body, price))

    def _oco(self) -> None:
        symbol = self._chance.choice(BY_HAND[:2])
        price = self._price(symbol)
        group = f"o-{self._new_id()}"
        for side in ("buy", "sell"):
            self._post(self._priced(self._body(symbol, side, "limit", 2, group=group), price))

    def _cancel(self) -> None:
        if self._own:
            self._delete(self._own.pop(self._chance.randrange(len(self._own))))

    def _replace(self) -> None:
        plain = [one for one in self._own if self._told.sent[one]["type"] == "limit"]
        if plain:
            old = self._told.sent[self._chance.choice(plain)]
            body = old | {"client_order_id": self._new_id(), "replaces": old["client_order_id"]}
            self._post(self._priced(body | {"quantity": str(self._chance.randint(1, 9))}, self._price(old["symbol"])))

    def _again(self) -> None:
        """The same order once more: whoever sent it first, and whether it was answered or not."""
        if self._told.sent:
            own = self._chance.choice(list(self._told.sent)[-40:])
            self._post(self._told.sent[own])

    def _look(self) -> None:
        """What has filled: nothing that is shown here may be lost later."""
        after = max(self._told.fills, default=0)
        _, data = self._caller.call("GET", f"/api/v1/fills?after={after}&limit=1000")
        for fill in data["fills"]:
            self._told.fills[fill["seq"]] = fill

    def _kill_switch(self) -> None:
        action = self._chance.choice(("halt", "cancel-all", "flatten"))
        for one, role in ((action, "trader"), ("rearm", "admin")):
            status, _ = self._caller.call("POST", "/api/v1/kill-switch", {"action": one, "reason": "drill"}, role=role)
            if status == http.client.OK:
                self._told.switched.append(one)
            time.sleep(0.02)


def listen(resident: Resident, told: Told) -> None:
    """Hear every event and fill that the stream tells of, until the engine is gone."""
    headers = {"Authorization": f"Bearer {resident.secrets['trader']}"}
    address = f"ws://127.0.0.1:{resident.port}/api/v1/stream"
    with suppress(OSError, WebSocketException), connect(address, additional_headers=headers) as client:
        client.send(json.dumps({"op": "subscribe", "topics": ["events", "fills"]}))
        for text in client:
            message = json.loads(text)
            if "data" in message:
                heard = told.events if message["topic"] == "events" else told.fills
                heard[message["data"]["seq"]] = message["data"]

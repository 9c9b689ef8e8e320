"""How the engine stands, as figures: its readings, its account and its open orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.orders.status import OrdStatus
from live_engine.risk.kill_switch import STRENGTH
from live_engine.vitals.metrics import MOST_SERIES, OTHER, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from live_engine.orders.order import Order
    from live_engine.vitals.readings import Readings


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """The account at the last prices; `notional` is each symbol's signed quantity times its last price."""

    equity: Decimal | None = None
    drawdown_ratio: Decimal | None = None
    notional: Mapping[str, Decimal] = {}


def gauges_of(readings: Readings) -> tuple[Gauge, ...]:
    """The readings."""
    host = readings.host
    streams = [stream for stream in readings.streams if not stream.has_ended]
    return (
        Gauge("live_loop_lag_seconds", "Longest hold-up of the event loop in the last minute.", readings.loop_lag_s),
        Gauge("live_clock_step_seconds", "Largest step of the wall clock in the last minutes.", readings.clock_step_s),
        Gauge("live_clock_synchronised", "1 when systemd-timesyncd has set the clock.", host.clock_synchronised),
        Gauge("live_journal_failed", "1 when the journal takes nothing more.", bool(readings.journal_failed)),
        Gauge("live_journal_wait_seconds", "How long the oldest unwritten event has waited.", readings.journal_wait_s),
        Gauge("live_journal_commit_seconds", "How long the last commit took.", readings.journal_commit_s),
        Gauge("live_journal_last_seq", "The last event on the device.", readings.journal_last_seq),
        Gauge.by("topic", "live_queue_depth", "What waits in a queue.", {**readings.queues}),
        Gauge.by(
            "stream",
            "live_stream_age_seconds",
            "Time since a stream's last update, until its prices end.",
            {stream.name: stream.age_s for stream in streams},
        ),
        Gauge.by(
            "stream",
            "live_stream_stale",
            "1 when a stream is silent for too long.",
            {stream.name: stream.is_stale for stream in streams},
        ),
        Gauge.by(
            "consumer",
            "live_consumer_lag_events",
            "Events that a reader of the journal is behind.",
            {consumer.name: consumer.events for consumer in readings.consumers},
        ),
        Gauge(
            "live_killswitch_state",
            "The kill switch: 0 off, 1 halt, 2 cancel-all, 3 flatten.",
            STRENGTH[readings.kill],
        ),
        Gauge("live_broker_failed", "1 when the broker is not well.", bool(readings.broker)),
        Gauge("process_resident_memory_bytes", "Memory that the engine holds.", host.rss_bytes),
        Gauge("live_memory_available_bytes", "Memory that programs may still take.", host.memory_available_bytes),
        Gauge("live_disk_free_bytes", "Free space where the journal lies.", host.disk_free_bytes),
        Gauge("live_disk_free_ratio", "Its share of all usable space there.", host.disk_free_ratio),
        Gauge("live_temperature_celsius", "The processor's temperature.", host.temperature_c),
        Gauge("live_undervoltage", "1 when a Raspberry Pi's supply is too weak.", host.undervoltage),
        Gauge.by(
            "resource",
            "live_pressure_ratio",
            "Share of 10 s in which some task waited for a resource.",
            {**host.pressure},
        ),
    )


def gauges_of_holdings(holdings: Holdings) -> tuple[Gauge, ...]:
    """The account. Of more symbols than a figure may have series, the smallest are one: the sum of their sizes."""
    by_size = sorted(holdings.notional, key=lambda symbol: (-abs(holdings.notional[symbol]), symbol))
    shown = {symbol: holdings.notional[symbol] for symbol in by_size[: MOST_SERIES - 1]}
    rest = by_size[MOST_SERIES - 1 :]
    if rest:
        shown[OTHER] = sum((abs(holdings.notional[symbol]) for symbol in rest), Decimal(0))
    return (
        Gauge("live_equity", "The account's worth at the last prices.", holdings.equity),
        Gauge("live_drawdown_ratio", "How far equity is below its highest, 0 to 1.", holdings.drawdown_ratio),
        Gauge.by("symbol", "live_position_notional", "A position's worth at the last price, short below 0.", {**shown}),
    )


def gauges_of_orders(open_orders: Iterable[Order]) -> tuple[Gauge, ...]:
    """Orders that may still fill, and those of them that a venue has not answered."""
    standings = [order.standing for order in open_orders]
    return (
        Gauge("live_orders_open", "Orders that may still fill.", len(standings)),
        Gauge("live_orders_inflight", "Orders sent and not answered.", standings.count(OrdStatus.SUBMITTED)),
        Gauge("live_orders_unknown", "Orders whose fate is unknown.", standings.count(OrdStatus.UNKNOWN)),
    )

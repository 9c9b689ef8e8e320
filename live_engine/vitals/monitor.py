"""The engine under watch: what its parts tell is read once a second, and told as health, as figures and as events."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.orders.exact import ZERO, times
from live_engine.vitals.event_figures import EventFigures
from live_engine.vitals.gauges import Holdings, gauges_of, gauges_of_holdings, gauges_of_orders
from live_engine.vitals.health import HealthLimits, HealthWatch, findings, reasons
from live_engine.vitals.metrics import text
from live_engine.vitals.vitals import Vitals, lag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from live_engine.events import HealthChanged
    from live_engine.floor import Floor
    from live_engine.journal.writer import Journal
    from live_engine.vitals.readings import ConsumerLag, Readings, RetentionWait, StreamAge

HANGS_S = 10.0  # a device that has not taken an event for so long: the watchdog is to act
HUNDRED = Decimal(100)


class Monitor:
    """`consumers` answer their name, how far they have come in the journal, and what stopped them.

    `retention` is for whom old days stay in the journal, as whoever keeps house saw it last.
    """

    def __init__(self, home: Path, floor: Floor, journal: Journal) -> None:
        self.events = EventFigures()
        self.consumers: list[Callable[[], tuple[str, int | None, str]]] = []
        self.retention: tuple[RetentionWait, ...] = ()
        self._vitals = Vitals(home)
        self._floor, self._journal = floor, journal
        self._watch, self._limits = HealthWatch(), HealthLimits()
        self._readings = self._read(())

    async def run(self) -> None:
        """Measure until cancelled."""
        await self._vitals.run()

    def look(self, streams: Sequence[StreamAge]) -> list[HealthChanged]:
        """Take the readings; answers what is to be written down of them. To be called once a second."""
        self._readings = self._read(tuple(streams))
        return self._watch.check(findings(self._readings, self._limits))

    def is_alive(self) -> bool:
        """Whether the device takes what is written, as far as the last look tells."""
        return self._readings.journal_wait_s < HANGS_S

    def reasons(self) -> Sequence[str]:
        """Why the engine is not well; none: it is."""
        return reasons(self._readings, self._limits)

    def figures(self) -> str:
        """All figures in the Prometheus text format."""
        account = self._floor.money.account()
        holdings = Holdings(
            equity=account.equity, drawdown_ratio=account.drawdown_pct / HUNDRED, notional=self._notional()
        )
        books = self._floor.state.books
        return text(
            [
                *gauges_of(self._readings),
                *gauges_of_holdings(holdings),
                *gauges_of_orders([*books.hand.open_orders(), *books.strategies.open_orders()]),
                *self.events.figures(),
            ]
        )

    def _read(self, streams: tuple[StreamAge, ...]) -> Readings:
        return self._vitals.readings(
            self._journal,
            streams=streams,
            consumers=self._consumers(),
            retention=self.retention,
            kill=self._floor.state.risk.switch.action,
        )

    def _consumers(self) -> tuple[ConsumerLag, ...]:
        last_seq = self._journal.last_seq
        return tuple(lag_of(name, seq, last_seq, error) for name, seq, error in (one() for one in self.consumers))

    def _notional(self) -> dict[str, Decimal]:
        price = self._floor.state.risk.last_price
        return {symbol: times(held, price(symbol) or ZERO) for symbol, held in self._floor.money.held().items()}

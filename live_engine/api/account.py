"""What is held, earned and traded: fills, positions, the account, instruments and bars."""

from __future__ import annotations

from live_engine.api.operation import Answer, Call, Operation
from live_engine.api.problems import not_found
from live_engine.api.schema import BarsQuery, FillsQuery
from live_engine.api.views import AccountView, Bars, Fills, Instruments, Positions, instrument_view


async def fills(call: Call) -> Answer:
    """The oldest first, after a seq."""
    query: FillsQuery = call.query
    found = await call.desk.fills(after=query.after, symbol=query.symbol, limit=query.limit)
    return Answer(200, Fills(tuple(found)))


async def positions(call: Call) -> Answer:
    """What is held now."""
    return Answer(200, Positions(tuple(call.desk.positions())))


async def account(call: Call) -> Answer:
    """The account at the last prices."""
    return Answer(200, call.desk.account())


async def instruments(call: Call) -> Answer:
    """What may be traded."""
    return Answer(200, Instruments(tuple(map(instrument_view, call.desk.instruments()))))


async def bars(call: Call) -> Answer:
    """The latest closed bars of a symbol."""
    query: BarsQuery = call.query
    found = await call.desk.bars(symbol=query.symbol, timeframe=query.timeframe, limit=query.limit)
    if found is None:
        raise not_found(f"there is no symbol {query.symbol!r}", "`GET /api/v1/instruments` lists the symbols")
    return Answer(200, Bars(tuple(found)))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/fills",
        name="listFills",
        summary="List fills after a seq, the oldest first",
        act=fills,
        query=FillsQuery,
        answers={200: Fills},
    ),
    Operation(
        method="GET",
        path="/api/v1/positions",
        name="listPositions",
        summary="List what is held",
        act=positions,
        answers={200: Positions},
    ),
    Operation(
        method="GET",
        path="/api/v1/account",
        name="getAccount",
        summary="The account at the last prices",
        act=account,
        answers={200: AccountView},
    ),
    Operation(
        method="GET",
        path="/api/v1/instruments",
        name="listInstruments",
        summary="List what may be traded",
        act=instruments,
        answers={200: Instruments},
    ),
    Operation(
        method="GET",
        path="/api/v1/bars",
        name="listBars",
        summary="The latest closed bars of a symbol, the oldest first",
        act=bars,
        query=BarsQuery,
        answers={200: Bars},
        refusals=(404,),
    ),
)

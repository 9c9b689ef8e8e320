"""Orders over HTTP: place, look up, cancel. Placing is idempotent by client order id, so a repetition is harmless."""

from __future__ import annotations

from live_engine.api.desk import Conflicting, Denied, Placed
from live_engine.api.operation import Answer, Call, Operation
from live_engine.api.problems import Refused, not_found
from live_engine.api.schema import OrderRequest, OrdersQuery, intent_of
from live_engine.api.views import Orders, OrderView, order_view


async def place(call: Call) -> Answer:
    """201 for a new order, 200 for the same one again, 409 for another under its id, 422 when a rule says no."""
    outcome = await call.desk.place(intent_of(call.body, call.signed_in.token.name))
    if isinstance(outcome, Denied):
        raise Refused(422, "order-denied", outcome.reason, outcome.hint, rule=outcome.rule)
    if isinstance(outcome, Conflicting):
        what = f"another order has the client_order_id {outcome.order.id!r}"
        raise Refused(409, "duplicate-order-id", what, "choose a new id, or send the first order unchanged")
    status = 201 if isinstance(outcome, Placed) else 200
    return Answer(status, order_view(outcome.order), {"Location": f"/api/v1/orders/{outcome.order.id}"})


async def look_up(call: Call) -> Answer:
    """One order, however old."""
    order = await call.desk.order(call.names["client_order_id"])
    if order is None:
        raise _unknown()
    return Answer(200, order_view(order))


async def list_orders(call: Call) -> Answer:
    """The newest first."""
    query: OrdersQuery = call.query
    found = await call.desk.orders(open_only=query.state == "open", symbol=query.symbol, limit=query.limit)
    return Answer(200, Orders(tuple(order_view(order) for order in found)))


async def cancel(call: Call) -> Answer:
    """202 while the cancellation is on its way, 200 when the order had ended or ends at once."""
    order = await call.desk.cancel(call.names["client_order_id"], call.signed_in.token.name)
    if order is None:
        raise _unknown()
    return Answer(202 if order.is_open else 200, order_view(order))


def _unknown() -> Refused:
    return not_found("there is no order of this client_order_id", "`GET /api/v1/orders` lists the orders")


def _placed_id(call: Call) -> str:
    request: OrderRequest = call.body
    return request.client_order_id


def _named_id(call: Call) -> str:
    return call.names["client_order_id"][:64]


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/orders",
        name="placeOrder",
        summary="Place an order; the same order again answers the first",
        role="trader",
        act=place,
        body=OrderRequest,
        answers={201: OrderView, 200: OrderView},
        refusals=(409,),
        target=_placed_id,
    ),
    Operation(
        method="GET",
        path="/api/v1/orders",
        name="listOrders",
        summary="List orders, the newest first",
        act=list_orders,
        query=OrdersQuery,
        answers={200: Orders},
    ),
    Operation(
        method="GET",
        path="/api/v1/orders/{client_order_id}",
        name="getOrder",
        summary="Look up one order",
        act=look_up,
        answers={200: OrderView},
        refusals=(404,),
    ),
    Operation(
        method="DELETE",
        path="/api/v1/orders/{client_order_id}",
        name="cancelOrder",
        summary="Cancel an order",
        role="trader",
        act=cancel,
        answers={202: OrderView, 200: OrderView},
        refusals=(404,),
        target=_named_id,
    ),
)

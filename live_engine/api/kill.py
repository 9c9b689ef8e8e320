"""The kill switch over HTTP: a trader may stop trading at once, only an admin lets it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.api.operation import Answer, Call, Operation
from live_engine.api.schema import KillRequest
from live_engine.api.views import KillSwitchView

if TYPE_CHECKING:
    from live_engine.api.tokens import Role


async def show(call: Call) -> Answer:
    """Whether new entries are taken."""
    return Answer(200, call.desk.kill_switch())


async def throw(call: Call) -> Answer:
    """Halt, cancel all, flatten or re-arm; the switch as it stands then."""
    request: KillRequest = call.body
    actor = call.signed_in.token.name
    if request.action == "rearm":
        await call.desk.rearm(actor=actor)
    else:
        await call.desk.set_kill_switch(request.action, actor=actor, reason=request.reason)
    return Answer(200, call.desk.kill_switch())


def _action(call: Call) -> str:
    request: KillRequest = call.body
    return request.action


def _role(request: KillRequest) -> Role:
    return "admin" if request.action == "rearm" else "trader"


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/kill-switch",
        name="getKillSwitch",
        summary="Whether new entries are taken",
        act=show,
        answers={200: KillSwitchView},
    ),
    Operation(
        method="POST",
        path="/api/v1/kill-switch",
        name="setKillSwitch",
        summary="Halt new entries, cancel all, flatten (trader), or re-arm (admin)",
        role="trader",
        act=throw,
        body=KillRequest,
        answers={200: KillSwitchView},
        target=_action,
        role_for=_role,
    ),
)

"""Where an order stands, and what moves it: the names of FIX OrdStatus (tag 39) and ExecType (tag 150), as a table.

A status has two layers. `standing` is what the venue's word has made of the order; the table below moves it. Over it
lies what we have asked for and not been answered: PENDING_CANCEL, else PENDING_REPLACE (the precedence of FIX 4.4,
appendix D). A refused cancellation takes that layer away, so the order is again what it was. UNKNOWN and the terminal
states are never covered: what we asked for says nothing about them.

Our own: INTENT (written down, not sent), SUBMITTED (sent, not answered; it is FIX's PendingNew, which is therefore not
used) and UNKNOWN (it may work at the venue or not). A cell without a name leaves the order as it stands. A trade that
completes the quantity leads to FILLED from everywhere, in a terminal state too, where it is flagged as late.

    standing          Submitted  New               Trade             Canceled  Expired  Rejected  Denied    Replaced  Unknown
    INTENT            SUBMITTED  NEW               PARTIALLY_FILLED  CANCELED  EXPIRED  REJECTED  REJECTED  REPLACED  UNKNOWN
    SUBMITTED                    NEW               PARTIALLY_FILLED  CANCELED  EXPIRED  REJECTED            REPLACED  UNKNOWN
    UNKNOWN                      NEW               PARTIALLY_FILLED  CANCELED  EXPIRED  REJECTED            REPLACED
    NEW                                            PARTIALLY_FILLED  CANCELED  EXPIRED  REJECTED            REPLACED  UNKNOWN
    PARTIALLY_FILLED                                                 CANCELED  EXPIRED  REJECTED            REPLACED  UNKNOWN
    FILLED, CANCELED, EXPIRED, REJECTED, REPLACED: terminal
"""  # noqa: E501 - a table

from __future__ import annotations

from enum import StrEnum


class OrdStatus(StrEnum):
    """FIX OrdStatus, with three of our own."""

    INTENT = "Intent"
    SUBMITTED = "Submitted"
    UNKNOWN = "Unknown"
    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    PENDING_CANCEL = "PendingCancel"
    PENDING_REPLACE = "PendingReplace"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    REPLACED = "Replaced"


class ExecType(StrEnum):
    """FIX ExecType of what moves the standing; SUBMITTED, DENIED and UNKNOWN are our own."""

    SUBMITTED = "Submitted"
    NEW = "New"
    TRADE = "Trade"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    DENIED = "Denied"
    REPLACED = "Replaced"
    UNKNOWN = "Unknown"


TERMINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED, OrdStatus.REPLACED})
ACKNOWLEDGED = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})

_ENDS = {
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.REPLACED: OrdStatus.REPLACED,
}
_LOST = {ExecType.UNKNOWN: OrdStatus.UNKNOWN}
_ANSWERS = {ExecType.NEW: OrdStatus.NEW, ExecType.TRADE: OrdStatus.PARTIALLY_FILLED}

TRANSITIONS: dict[OrdStatus, dict[ExecType, OrdStatus]] = {
    OrdStatus.INTENT: {
        ExecType.SUBMITTED: OrdStatus.SUBMITTED,
        ExecType.DENIED: OrdStatus.REJECTED,
        **_ANSWERS,
        **_ENDS,
        **_LOST,
    },
    OrdStatus.SUBMITTED: {**_ANSWERS, **_ENDS, **_LOST},
    OrdStatus.UNKNOWN: {**_ANSWERS, **_ENDS},
    OrdStatus.NEW: {ExecType.TRADE: OrdStatus.PARTIALLY_FILLED, **_ENDS, **_LOST},
    OrdStatus.PARTIALLY_FILLED: {**_ENDS, **_LOST},
    **{status: {} for status in OrdStatus if status in TERMINAL},
}


def standing_after(standing: OrdStatus, exec_type: ExecType, *, whole: bool = False) -> OrdStatus:
    """Where an order stands after what happened; `whole`: a trade completed its quantity."""
    if exec_type is ExecType.TRADE and whole:
        return OrdStatus.FILLED
    return TRANSITIONS[standing].get(exec_type, standing)


def status_of(standing: OrdStatus, *, cancel_asked: bool, replace_asked: bool) -> OrdStatus:
    """The OrdStatus to show: what was asked for lies over a standing that is open and known."""
    if standing in TERMINAL or standing is OrdStatus.UNKNOWN:
        return standing
    if cancel_asked:
        return OrdStatus.PENDING_CANCEL
    return OrdStatus.PENDING_REPLACE if replace_asked else standing

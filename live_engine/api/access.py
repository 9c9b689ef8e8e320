"""Who may ask what: Host and Origin, bearer tokens, roles, rates and lock-out, in that order.

A name that is not this machine's in Host means that a page of elsewhere had its name rebound to our address; a foreign
Origin means that such a page asks. Both are refused before anything else is looked at.

Who shows no credential that stands shares a rate with all of his address: such calls, however many, must not keep a
person on the same machine, or behind the same proxy, from the kill switch.

A wrong credential counts against itself and against its address, a wrong role against the credential. A locked address
is refused every credential that does not stand, and none that does: whoever can guess 256 bits need not be kept out,
and a script with an old token must not keep a person on the same machine from the kill switch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from live_engine.api.problems import Refused, unavailable
from live_engine.api.throttle import Buckets, Lockout
from live_engine.api.tokens import RANK, Role, Token, digest
from live_engine.errors import TokensError
from live_engine.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from live_engine.api.tokens import Tokens

HOW_TO_SIGN_IN = "make one with `live-engine token create` and send it as `Authorization: Bearer TOKEN`"


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls a second, and at once, of one credential, and of one address without any."""

    credential: float = 1_000.0
    credential_burst: int = 2_000
    address: float = 2_000.0
    address_burst: int = 4_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the token that was shown, and from where."""

    token: Token
    address: str

    def may(self, role: Role) -> bool:
        """Whether the token's role includes another one."""
        return RANK[self.token.role] >= RANK[role]


class Access:
    """The gate. `wall` answers nanoseconds of UTC, for expiry; `clock` such as never step back, for waiting."""

    def __init__(
        self,
        tokens: Tokens,
        *,
        hosts: Collection[str],
        wall: Callable[[], int],
        clock: Callable[[], int],
        rates: Rates | None = None,
    ) -> None:
        rates = rates or Rates()
        self.tokens = tokens
        self.failures = 0
        self._hosts = frozenset(host.lower() for host in hosts)
        self._wall = wall
        self._credentials = Buckets(rates.credential, rates.credential_burst, clock)
        self._addresses = Buckets(rates.address, rates.address_burst, clock)
        self._locks = Lockout(clock)

    def check_place(self, headers: Mapping[str, str], address: str) -> None:
        """Raise Refused when Host, Origin or the rate of an address is wrong; every request passes here.

        A credential that stands has a rate of its own and does not count against its address.
        """
        host = headers.get("host", "")
        if not self.is_ours(host):
            raise Refused(403, "wrong-host", "Host names another machine", "call the engine by its own address")
        origin = headers.get("origin")
        if origin is not None and netloc_of(origin) != host.lower():
            raise Refused(403, "wrong-origin", "the page that asks is not the engine's", "open the engine's own page")
        if not self._is_known(headers.get("authorization", "")):
            self._take(self._addresses, address)

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this engine; the port does not count, since ssh -L may forward another one."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self._hosts or is_loopback(name)

    def check_bearer(self, authorization: str | None, address: str, role: Role) -> Caller:
        """The caller behind an Authorization header; raises Refused (401, 403, 429 or 503)."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise self._unauthorised("no bearer token was sent")
        caller = Caller(self._standing(secret.strip(), address), address)
        self.check_role(caller, role)
        return caller

    def check_role(self, caller: Caller, role: Role) -> None:
        """Raise Refused when a caller is locked out, asks too often, or its role is too small."""
        key = caller.token.sha256
        self._refuse_locked(key)
        self._take(self._credentials, key)
        if not caller.may(role):
            self._locks.failed(key)
            what = f"a {caller.token.role} may not do this"
            raise Refused(403, "wrong-role", what, f"use a token of the role {role}")

    def stands(self, token: Token) -> bool:
        """Whether a token that was good still is; a file that cannot be read says no."""
        try:
            held = [one for one in self.tokens.all() if one.sha256 == token.sha256]
        except TokensError:
            return False
        return any(one.is_good(self._wall()) for one in held)

    def ticket_failed(self, address: str) -> None:
        """Count a ticket that opened nothing against its address."""
        self.failures += 1
        self._locks.failed(address)

    def _is_known(self, authorization: str) -> bool:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            token = self.tokens.find(secret.strip())
        except TokensError:
            return False
        return token is not None and token.is_good(self._wall())

    def _standing(self, secret: str, address: str) -> Token:
        try:
            token = self.tokens.find(secret)
        except TokensError as error:
            raise unavailable(error) from error
        if token is not None and token.is_good(self._wall()):
            return token
        key = digest(secret)
        for locked in (key, address):
            self._refuse_locked(locked)
        for failed in (key, address):
            self._locks.failed(failed)
        if token is None:
            raise self._unauthorised("the token is not known")
        raise self._unauthorised("the token is revoked" if token.revoked_ns else "the token has expired")

    def _unauthorised(self, what: str) -> Refused:
        self.failures += 1
        return Refused(401, "unauthorised", what, HOW_TO_SIGN_IN, headers={"WWW-Authenticate": 'Bearer realm="pi5"'})

    def _refuse_locked(self, key: str) -> None:
        wait_s = self._locks.waits(key)
        if wait_s > 0:
            raise _too_many("locked-out", "too many failures", wait_s)

    def _take(self, buckets: Buckets, key: str) -> None:
        wait_s = buckets.take(key)
        if wait_s > 0:
            raise _too_many("too-many-requests", "more calls than are taken", wait_s)


def netloc_of(origin: str) -> str:
    """Host and port of an Origin; empty when it has none ("null") or cannot be read."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _too_many(name: str, what: str, wait_s: float) -> Refused:
    seconds = max(1, math.ceil(wait_s))
    return Refused(429, name, what, f"wait {seconds} s", headers={"Retry-After": str(seconds)})

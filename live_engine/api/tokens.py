"""Tokens of 256 bits that open the API; what is stored of one is its SHA-256, so the file opens nothing.

A digest without salt or stretching is enough here: nobody can try 2^256 tokens. The file is read again when it has
changed, so a token that the command line revokes is refused at the next request.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Literal

import msgspec

from live_engine.durable import make_folder, write_lines
from live_engine.errors import TokensError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Role = Literal["viewer", "trader", "admin"]
RANK: dict[Role, int] = {"viewer": 1, "trader": 2, "admin": 3}
BYTES = 32
NS_PER_DAY = 86_400 * 1_000_000_000
ENGINES_OWN = frozenset({"risk", "contingency", "kill file"})  # how the journal names what the engine does by itself
PREFIX = "pi5_"  # lets a scanner of leaked secrets know one by its look


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a token; moments are nanoseconds of UTC, `revoked_ns` 0 while it stands."""

    name: str
    role: Role
    sha256: str
    created_ns: int
    expires_ns: int
    revoked_ns: int = 0

    def is_good(self, now_ns: int) -> bool:
        """Whether it opens anything at a moment."""
        return not self.revoked_ns and now_ns < self.expires_ns


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    tokens: tuple[Token, ...] = ()


def digest(secret: str) -> str:
    """What is stored, and looked up, in place of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def tokens_file(home: Path) -> Path:
    """Where the tokens of a home are kept."""
    return home / "secrets" / "tokens.json"


def _names(role: Role) -> Iterator[str]:
    yield role
    yield from (f"{role}-{number}" for number in count(2))


class Tokens:
    """The tokens of one file. Every method raises TokensError when the file cannot be trusted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def all(self) -> tuple[Token, ...]:
        """Every token there is or was, the oldest first."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._tokens = None, ()
            return ()
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}", f"let its owner read {self.path}") from error
        if status.st_mode & 0o077:
            raise self._error("can be read by others", f"chmod 600 {self.path}, then make new tokens")
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._tokens, self._seen = self._read(), seen
        return self._tokens

    def find(self, secret: str) -> Token | None:
        """The token that a secret is, good or not; in constant time for any secret of a length."""
        wanted = digest(secret)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.sha256, wanted):
                found = token
        return found

    def by_name(self, name: str) -> Token | None:
        """The newest token of a name."""
        return next((token for token in reversed(self.all()) if token.name == name), None)

    def create(self, name: str, role: Role, days: int, now_ns: int) -> str:
        """A new secret, durable before it is answered; there is no other way to see it.

        Without a name it gets that of its role, with a number when that is taken.
        """
        secret = PREFIX + secrets.token_urlsafe(BYTES)
        if name in ENGINES_OWN:
            raise self._error(f"the name {name!r} is the engine's own", "choose another name")
        with self._alone():
            held = self.all()
            taken = {token.name for token in held if token.is_good(now_ns)}
            name = name or next(free for free in _names(role) if free not in taken)
            if name in taken:
                raise self._error(f"there is a token {name!r} already", "choose another name, or revoke that one first")
            expires_ns = now_ns + days * NS_PER_DAY
            token = Token(name=name, role=role, sha256=digest(secret), created_ns=now_ns, expires_ns=expires_ns)
            self._write((*held, token))
        return secret

    def revoke(self, name: str, now_ns: int) -> Token:
        """Let a token open nothing any more."""
        with self._alone():
            held = self.all()
            standing = next((token for token in held if token.name == name and not token.revoked_ns), None)
            if standing is None:
                raise self._error(f"no token {name!r} stands", "`live-engine token list` names all of them")
            revoked = msgspec.structs.replace(standing, revoked_ns=now_ns)
            self._write(tuple(revoked if token is standing else token for token in held))
        return revoked

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the file meanwhile."""
        try:
            make_folder(self.path.parent)
            self.path.parent.chmod(0o700)
            handle = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._error(f"cannot be changed: {error.strerror}", "run it as the engine's user") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> tuple[Token, ...]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_File).tokens
        except (OSError, msgspec.DecodeError) as error:
            hint = "put it back from a backup, or move it away and make new tokens"
            raise self._error(f"is damaged: {error}", hint) from error

    def _write(self, tokens: tuple[Token, ...]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_File(tokens=tokens)), indent=1)
        old_umask = os.umask(0o077)
        try:
            write_lines(self.path, [text])
        except OSError as error:
            raise self._error(f"cannot be written: {error.strerror}", "make room, or let its owner write") from error
        finally:
            os.umask(old_umask)

    def _error(self, what: str, hint: str) -> TokensError:
        return TokensError(what, where=str(self.path), hint=hint)

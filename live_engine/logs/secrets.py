"""Takes out of a text what opens something: tokens, headers that carry them, and the queries of addresses.

The engine logs none of these by itself. A library's error, or a line of an attacker's choosing, may.
"""

from __future__ import annotations

import re

# What may stand before such a name is not looked for: it stays, and a search would take its time over a long line.
HEADERS = r"(?:authorization|cookie|sec-websocket-protocol|-(?:\w{0,10}key|token|secret))"
NAMES = r"(?:token|secret|passwd|password|passphrase|api[_-]?key|ticket|signature)"
HIDING = (
    # Authorization: Bearer x; {"authorization": "Bearer x"}; (b'authorization', b'Bearer x')
    (re.compile(rf"""({HEADERS}["']\s*[:,]\s*b?["'])[^"'\r\n]+""", re.IGNORECASE), r"\1***"),
    (re.compile(rf"({HEADERS}\s*[:=]\s*)[^\r\n]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bbearer\s+)[\w.~+/=-]+", re.IGNORECASE), r"\1***"),
    # such a name with = or, in JSON, with a colon
    (re.compile(rf"""({NAMES}(?:=b?["']?|["']\s*:\s*b?["']))[^\s"'&,;]+""", re.IGNORECASE), r"\1***"),
    (re.compile(r"""(?<=[^\s?])\?[^\s"'<>)\]}]+"""), "?***"),  # the query of an address
    (re.compile(r"""(://)[^/\s@"']{1,200}@"""), r"\1***@"),  # a name and a password before a host
    (re.compile(r"\bpi5_[\w-]{16,}"), "pi5_***"),  # a token of our own, wherever it stands
)


def without_secrets(text: str) -> str:
    """The text with *** in the place of each secret."""
    for pattern, instead in HIDING:
        text = pattern.sub(instead, text)
    return text

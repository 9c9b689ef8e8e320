"""Nothing that opens a door stands in a line of the log, and what does not stays readable."""

from __future__ import annotations

import time

import pytest

from live_engine.api.tokens import PREFIX
from live_engine.logs.secrets import without_secrets

HIDE = "Zx81-open_sesame.42"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Authorization: Bearer {HIDE}", "Authorization: ***"),
        (
            f"headers {{'authorization': 'Bearer {HIDE}', 'host': 'a'}}",
            "headers {'authorization': '***', 'host': 'a'}",
        ),
        (f"[(b'authorization', b'Bearer {HIDE}'), (b'host', b'a')]", "[(b'authorization', b'***'), (b'host', b'a')]"),
        (f"Proxy-Authorization: Basic {HIDE}\nHost: a", "Proxy-Authorization: ***\nHost: a"),
        (f"Cookie: session={HIDE}; b={HIDE}", "Cookie: ***"),
        (f"X-MBX-APIKEY: {HIDE}", "X-MBX-APIKEY: ***"),
        (f"got bearer {HIDE} from 127.0.0.1", "got bearer *** from 127.0.0.1"),
        (f"GET /api/v1/stream?ticket={HIDE}&a=b HTTP/1.1", "GET /api/v1/stream?*** HTTP/1.1"),
        (f'"GET /health?{HIDE}" 200', '"GET /health?***" 200'),
        (f"https://api.example.com/v3/order?symbol=A&signature={HIDE}", "https://api.example.com/v3/order?***"),
        (f"postgresql://pi5:{HIDE}@db/market", "postgresql://***@db/market"),
        (f"login(user='a', password='{HIDE}')", "login(user='a', password='***')"),
        (f'{{"api_key": "{HIDE}", "symbol": "A"}}', '{"api_key": "***", "symbol": "A"}'),
        (f"listenKey token={HIDE}, symbol=A", "listenKey token=***, symbol=A"),
    ],
)
def test_a_secret_is_hidden_and_what_stands_around_it_stays(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_a_token_of_the_api_is_known_by_its_look() -> None:
    assert without_secrets(f"no such token {PREFIX}{'aB3-_' * 8}!") == f"no such token {PREFIX}***!"


@pytest.mark.parametrize(
    "text",
    [
        "is the stream connected? It said nothing for 61 s",
        "/home/pi/var/journal/live.sqlite: a token that nobody knows (see `live-engine token list`)",
        "POST /api/v1/orders: 429 too-many-requests",
        "key 'live.tls_key' is missing",
        "https://127.0.0.1:8080/api/v1/orders",
        "StrategyStopped(strategy='a', symbol='b', error='')",
    ],
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "text", ["a-" * 4_096, "x-" * 4_096, "?" * 8_192, "://" * 2_700, "token" * 1_600, "bearer " * 1_170]
)
def test_a_line_that_somebody_made_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    without_secrets(text)
    assert time.process_time() - began < 0.5

"""Headers: encoded words, raw bytes, lists of addresses, dates."""

from __future__ import annotations

import email
from datetime import datetime, timedelta, timezone

import pytest

from edge_agent.context.importers.headers import Headers


def names(value: bytes) -> list[str]:
    return list(Headers(email.message_from_bytes(b"To: " + value + b"\r\n\r\n")).names("to"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Hilde Kern <h@x>, n@x", ["Hilde Kern", "n@x"]),
        (b'"Kern, Hilde" <h@x>,\r\n =?utf-8?q?Y=C4=B1ld=C4=B1z?= <y@x>', ["Kern, Hilde", "Yıldız"]),
        ("Jörg <j@x>".encode(), ["Jörg"]),
        ("Jörg <j@x>".encode("cp1252"), ["Jörg"]),
        (b"=?x-none?q?abc?= <a@x>", ["=?x-none?q?abc?="]),
        (b"undisclosed-recipients:;", []),
        (b"@@@,,;<", []),
        (b"", []),
    ],
)
def test_names(value: bytes, expected: list[str]) -> None:
    assert names(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Wed, 18 Nov 2026 21:37:00 +0100", datetime(2026, 11, 18, 21, 37, tzinfo=timezone(timedelta(hours=1)))),
        ("18 Nov 2026 21:37", datetime(2026, 11, 18, 21, 37).astimezone()),
        ("yesterday or so", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: datetime | None) -> None:
    assert Headers(email.message_from_string(f"Date: {value}\n\n")).sent() == expected

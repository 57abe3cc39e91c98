"""Chats as text: WhatsApp on both platforms, Signal, and what the apps put in between."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.importers.chat_text import read, recognises
from edge_agent.context.importers.formats import READERS
from edge_agent.context.importers.reading import Skipped
from edge_agent.context.items import Item
from orchestrator.types import Record

IPHONE = (
    "[24.11.26, 09:30:15] Zoo trip: \u200eMessages and calls are end-to-end encrypted.\r\n"
    "[24.11.26, 09:30:59] Tobi: Bring boots.\nAnd: tea!\r\n"
    "\u200e[24.11.26, 09:31:02] ~\u202fHilde K.: \u200e<attached: 00000012-PHOTO-2026-11-24-09-31-02.jpg>\r\n"
    "\u200e[24.11.26, 09:31:10] Tobi: \u200eimage omitted\r\n"
    "[24.11.26, 09:32:00] Tobi: Ok \u200e<This message was edited>\r\n"
    "[24.11.26, 09:32:00] Tobi: \u200eThis message was deleted.\r\n"
)
ANDROID = (
    "11/24/26, 9:30\u202fAM - Messages and calls are end-to-end encrypted. Tap to learn more.\n"
    '11/24/26, 9:30\u202fAM - Tobi created group "Zoo"\n'
    "11/24/26, 9:31\u202fPM - Tobi: <Media omitted>\n"
    "11/24/26, 9:32\u202fPM - Tobi: IMG-20261124-WA0001.jpg (file attached)\nThe gate\n\nat ten\n"
    "11/25/26, 12:05\u202fAM - +49 170 1234567: null\n"
    "11/25/26, 12:05\u202fAM - +49 170 1234567: On my way\n"
    "11/25/26, 12:05\u202fAM - +49 170 1234567: On my way\n"
)
SIGNAL = (
    "[2026-11-24 09:30:15] Me: Did you see the zoo's new gate?\n"
    "[2026-11-24 09:31:00] Hilde Kern: I did!\nLook:\n![gate.jpg](./media/2026-11-24_00_gate.jpg)\n"
)


def records(path: Path, text: str) -> list[Record]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    entries = list(READERS[path.suffix](path))
    assert not [entry for entry in entries if isinstance(entry, Skipped)]
    return [entry.record for entry in entries if isinstance(entry, Item)]


def local(*parts: int) -> datetime:
    return datetime(*parts).astimezone()  # type: ignore[arg-type]


def test_an_iphones_export(tmp_path: Path) -> None:
    found = records(tmp_path / "WhatsApp Chat - Zoo trip" / "_chat.txt", IPHONE)
    assert [(record.people, record.body) for record in found] == [
        (("Tobi",), "Bring boots.\nAnd: tea!"),
        (("~ Hilde K.",), "Attached: 00000012-PHOTO-2026-11-24-09-31-02.jpg."),
        (("Tobi",), "Ok"),
    ]
    assert found[0].time == local(2026, 11, 24, 9, 30, 59)
    assert [(record.thread, record.position) for record in found] == [("whatsapp:Zoo trip", n) for n in (1, 2, 3)]
    assert {(record.kind, record.title) for record in found} == {("chat", "Zoo trip")}


def test_an_androids_export(tmp_path: Path) -> None:
    found = records(tmp_path / "WhatsApp Chat with Tobi.txt", ANDROID)
    assert [record.body for record in found] == [
        "The gate\n\nat ten\nAttached: IMG-20261124-WA0001.jpg.",
        "On my way",
        "On my way",
    ]
    assert [record.time for record in found] == [local(2026, 11, 24, 21, 32), *[local(2026, 11, 25, 0, 5)] * 2]
    assert {record.thread for record in found} == {"whatsapp:Tobi"}
    assert found[1].people == ("+49 170 1234567",)


def test_a_signal_export_and_its_json_are_read_once(tmp_path: Path) -> None:
    found = records(tmp_path / "Hilde Kern" / "chat.md", SIGNAL)
    assert [(record.people, record.body) for record in found] == [
        (("Me",), "Did you see the zoo's new gate?"),
        (("Hilde Kern",), "I did!\nLook:\nAttached: gate.jpg."),
    ]
    assert {record.thread for record in found} == {"signal:Hilde Kern"}
    assert records(tmp_path / "Hilde Kern" / "data.json", '{"date": 1}\n{"date": 2}\n') == []


def test_a_message_keeps_its_key_in_a_longer_export_from_elsewhere(tmp_path: Path) -> None:
    def keys(folder: str, text: str) -> list[str | None]:
        path = tmp_path / folder / "WhatsApp Chat with Tobi.txt"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return [entry.key for entry in read(path) if isinstance(entry, Item)]

    before = keys("may", ANDROID)
    after = keys("june", ANDROID + "11/26/26, 8:00\u202fAM - Tobi: Here\n")
    assert after[:-1] == before
    assert len(set(after)) == len(after) == 4


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("12/03/2022, 14:08 - A: x", (2022, 3, 12, 14, 8)),
        ("3/12/22, 2:08 PM - A: x", (2022, 3, 12, 14, 8)),
        ("[3/12/22, 12:08:01 AM] A: x", (2022, 3, 12, 0, 8, 1)),
        ("[12/03/2022, 2:08:01 p.\u00a0m.] A: x", (2022, 3, 12, 14, 8, 1)),
        ("13/03/2022, 2:08 pm - A: x", (2022, 3, 13, 14, 8)),
        ("[2022-03-12, 14:08:18] A: x", (2022, 3, 12, 14, 8, 18)),
        ("2022/03/12, 14:08 - A: x", (2022, 3, 12, 14, 8)),
        ("[12.3.2022 klo 14.08.18] A: x", (2022, 3, 12, 14, 8, 18)),
        ("12-03-2022 14:08 - A: x", (2022, 3, 12, 14, 8)),
        ("12.03.22, 14:08 - A: x", (2022, 3, 12, 14, 8)),
    ],
)
def test_each_phones_way_of_writing_a_time(tmp_path: Path, line: str, expected: tuple[int, ...]) -> None:
    extra = "\n20/03/2022, 2:08 pm - A: y" if "p.\u00a0m." in line else ""
    assert records(tmp_path / "WhatsApp Chat with A.txt", line + extra)[0].time == local(*expected)


def test_the_order_of_the_messages_tells_the_order_of_day_and_month(tmp_path: Path) -> None:
    text = "1/2/26, 08:00 - A: x\n2/1/26, 08:00 - A: y\n3/1/26, 08:00 - A: z\n"
    assert [record.time for record in records(tmp_path / "a.txt", text)] == [
        local(2026, month, day, 8, 0) for month, day in ((1, 2), (2, 1), (3, 1))
    ]


def test_a_date_that_cannot_be_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("24.11.26, 09:30 - A: x\n24.11.26, 39:30 - A: secret\n31.11.26, 09:30 - A: secret\n")
    found = list(read(path))
    assert [entry.source.rpartition(", ")[2] for entry in found if isinstance(entry, Skipped)] == ["line 2", "line 3"]
    assert "secret" not in str([entry for entry in found if isinstance(entry, Skipped)])


@pytest.mark.parametrize("text", ["", "# Notes\nx", "24.11.26 - dentist", "2026-11-24 09:30 dentist: call", "Tobi: hi"])
def test_notes_are_no_chats(text: str) -> None:
    assert not recognises(text)


WORDS = st.text("abc äß.,!?'😀", min_size=1, max_size=20).filter(lambda text: text.strip())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Tobi", "Hilde K.", "+49 170 1"]),
            st.integers(1_000_000_000, 2_100_000_000).map(lambda seconds: datetime.fromtimestamp(seconds).astimezone()),
            st.lists(WORDS, min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_was_said_comes_back(
    tmp_path_factory: pytest.TempPathFactory, life: list[tuple[str, datetime, list[str]]]
) -> None:
    said = sorted(life, key=lambda turn: turn[1])
    text = "".join(f"[{time:%Y-%m-%d, %H:%M:%S}] {author}: {chr(10).join(lines)}\n" for author, time, lines in said)
    found = records(tmp_path_factory.mktemp("chat") / "chat.txt", text)
    assert [(record.people, record.time) for record in found] == [((author,), time) for author, time, _ in said]
    assert ["".join(record.body.split()) for record in found] == ["".join("".join(lines).split()) for *_, lines in said]

"""Mail: headers, bodies, boxes."""

from __future__ import annotations

import email
import mailbox
from contextlib import closing
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.importers import import_paths, mail
from edge_agent.context.importers.mail import DIVIDER, parsed, read_eml, read_mbox
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record, Sensitivity


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {"From": "Priya Nair <priya@example.com>", "To": "nora@example.com", "Subject": "Dinner?"}
    for name, value in {**given, "Message-ID": "<1@example.com>", **headers}.items():
        made[name.replace("_", "-")] = value
    return made


def eml(path: Path, content: EmailMessage | bytes) -> Entry:
    file = path / "message.eml"
    file.write_bytes(content if isinstance(content, bytes) else content.as_bytes())
    (entry,) = read_eml(file)
    return entry


def record(path: Path, content: EmailMessage | bytes) -> Record:
    entry = eml(path, content)
    assert isinstance(entry, Item)
    return entry.record


def test_a_plain_message(tmp_path: Path) -> None:
    made = message(Date="Wed, 18 Nov 2026 21:37:00 +0100", Cc="Tobi <tobi@example.com>")
    made.set_content("The 27th works for me!\n\n\n\nPri\n")
    entry = eml(tmp_path, made)
    assert isinstance(entry, Item)
    assert entry.key == "mail:1@example.com"
    assert entry.record == Record(
        kind="mail",
        title="Dinner?",
        body="The 27th works for me!\n\nPri",
        people=("Priya Nair", "nora@example.com", "Tobi"),
        time=datetime(2026, 11, 18, 21, 37, tzinfo=timezone(timedelta(hours=1))),
        source=str(tmp_path / "message.eml"),
        thread="mail:1@example.com",
    )


def test_html_alone_is_read_as_its_text(tmp_path: Path) -> None:
    made = message()
    made.set_content(
        "<html><head><title>no</title><style>p{}</style></head><body><h1>Thank&nbsp;you</h1>"
        "<p>Friday &ndash; <b>10:25</b><br>gate 7</p><script>no()</script></body></html>",
        subtype="html",
    )
    assert record(tmp_path, made).body == "Thank you\n\nFriday – 10:25\ngate 7"


def test_of_two_versions_the_plain_one_is_read_and_attachments_are_named(tmp_path: Path) -> None:
    made = message()
    made.set_content("plain")
    made.add_alternative("<p>html</p>", subtype="html")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ticket.pdf")
    assert record(tmp_path, made).body == "plain\nAttached: ticket.pdf."


def test_encoded_headers_and_old_character_sets(tmp_path: Path) -> None:
    raw = (
        b"From: =?utf-8?q?Y=C4=B1ld=C4=B1z?= <y@example.com>\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSch\xf6n\r\n"
    )
    found = record(tmp_path, raw)
    assert (found.people, found.title, found.body) == (("Yıldız",), "Grüße", "Schön")
    unknown = raw.replace(b"charset=iso-8859-1", b"charset=x-invented")
    assert record(tmp_path, unknown).body == "Schön"


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("Private", Sensitivity.PRIVATE),
        ("Company-Confidential", Sensitivity.PRIVATE),
        ("Personal", Sensitivity.PERSONAL),
        ("whatever", Sensitivity.PERSONAL),
    ],
)
def test_its_sensitivity_header_is_its_label(tmp_path: Path, header: str, label: Sensitivity) -> None:
    assert record(tmp_path, message(Sensitivity=header)).sensitivity is label


def test_without_an_id_it_is_known_by_its_content(tmp_path: Path) -> None:
    raw = b"From: a@example.com\r\nSubject: x\r\n\r\nhello\r\n"
    first, again, other = eml(tmp_path, raw), eml(tmp_path, raw), eml(tmp_path, raw + b"!")
    assert isinstance(first, Item)
    assert isinstance(again, Item)
    assert isinstance(other, Item)
    assert first.key == again.key != other.key


@pytest.mark.parametrize("raw", [b"", b"\x00\xff\xfe", b"just a text\n", b"\r\n\r\nbody only"])
def test_what_is_no_message_is_skipped(tmp_path: Path, raw: bytes) -> None:
    assert isinstance(eml(tmp_path, raw), Skipped)


def test_bad_dates_and_addresses_do_not_lose_a_message(tmp_path: Path) -> None:
    found = record(tmp_path, b"From: @@@,,;<\r\nDate: yesterday or so\r\nSubject: kept\r\n\r\nx\r\n")
    assert (found.title, found.time) == ("kept", None)


def test_a_mailbox(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    box = mailbox.mbox(path)
    for number in range(3):
        made = message(**{"Message-ID": f"<{number}@example.com>"}, Subject=f"number {number}")
        made.set_content("From here on, all is well.\n")
        box.add(made)
    box.close()
    with path.open("ab") as file:
        file.write(b"From broken Mon Nov 23 09:00:00 2026\n\nno headers, secret words\n")
    found = list(read_mbox(path))
    assert [entry.record.title for entry in found if isinstance(entry, Item)] == ["number 0", "number 1", "number 2"]
    (skipped,) = [entry for entry in found if isinstance(entry, Skipped)]
    assert skipped.source.endswith("message 4")
    assert "secret" not in skipped.reason


def test_a_text_is_no_mailbox(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    path.write_text("dear diary\n")
    assert [type(entry) for entry in read_mbox(path)] == [Skipped]


def test_answers_are_one_thread_with_what_they_answer(tmp_path: Path) -> None:
    heads: list[dict[str, str]] = [
        {"Message-ID": "<a@x>"},
        {"Message-ID": "<b@x>", "In-Reply-To": "<a@x>", "References": "<a@x>"},
        {"Message-ID": "<c@x>", "In-Reply-To": "<b@x>", "References": "<a@x>\r\n <b@x>"},
        {"Message-ID": "<d@x>", "In-Reply-To": "<c@x>"},
        {"Message-ID": "<e@x>", "In-Reply-To": "Your message <d@x> of Monday"},
        {"Message-ID": "<f@x>", "In-Reply-To": "<lost@x>"},
        {"Message-ID": "<g@x>", "In-Reply-To": "no id at all"},
    ]
    raw = ["".join(f"{name}: {value}\r\n" for name, value in head.items()) for head in heads]
    file = tmp_path / "box.mbox"
    file.write_text("".join(f"From x Mon Nov 23 09:30:00 2026\nFrom: h@x\nSubject: s\n{head}\nx\n\n" for head in raw))
    found = [entry.record for entry in read_mbox(file) if isinstance(entry, Item)]
    assert [(record.thread, record.position) for record in found] == [
        *(("mail:a@x", depth) for depth in range(5)),
        ("mail:lost@x", 1),
        ("mail:g@x", 0),
    ]


def test_a_forwarded_message_is_not_the_text_of_the_one_that_carries_it(tmp_path: Path) -> None:
    inner = message(Subject="inner")
    inner.set_content("inner words")
    made = message()
    made.set_content("outer words")
    made.add_attachment(inner)
    made.add_attachment(b"x", maintype="image", subtype="png", filename="Grüße.png")
    assert record(tmp_path, made).body == "outer words\nAttached: Grüße.png."


def test_apple_mails_folder_is_read(store: SqliteContextStore, tmp_path: Path) -> None:
    folder = tmp_path / "Family.mbox"
    folder.mkdir()
    (folder / "mbox").write_bytes(b"From x\n" + message().as_bytes())
    (folder / "table_of_contents").write_bytes(b"\0")
    summary = import_paths(store, [folder])
    assert (summary.added, summary.ignored) == (1, 1)


LONG = b"=_0123456789abcdef"
LINES = st.sampled_from(
    [
        *(b"Subject: x", b"Content-Type: text/plain; charset=latin-1", b"Content-Type: message/rfc822", b"text", b""),
        *(b"Content-Type: multipart/mixed; boundary=" + LONG, b' boundary="' + LONG + b'"', b"--" + LONG),
        *(b"--" + LONG + b"--", b"--" + LONG + b"-more", b"Content-Type: multipart/mixed; boundary=" + LONG + b"-more"),
        *(b"From x", b" folded", b"\xe9\x00", b": :", b"Content-Transfer-Encoding: base64"),
    ]
)


def plain(text: object) -> str:
    """Without what is different between dividers."""
    assert isinstance(text, str)
    return text.replace(DIVIDER.decode(), LONG.decode()).replace("-more", "")


@given(st.lists(LINES, max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_quick_way_reads_what_the_librarys_own_reads(lines: list[bytes], end: bytes) -> None:
    data = end.join(lines)
    quick, whole = list(parsed(data).walk()), list(email.message_from_bytes(data).walk())
    assert [plain(part.get_content_type()) for part in quick] == [plain(part.get_content_type()) for part in whole]
    for one, other in zip(quick, whole, strict=True):
        if not one.is_multipart():
            assert plain(one.get_payload()) == plain(other.get_payload())


@given(
    lines=st.lists(
        st.sampled_from([b"From x", b"", b"Subject: x", b"text", b">From y", b"xFrom ", b"From "]), max_size=12
    )
)
@pytest.mark.parametrize("block_bytes", [3, 2**20])
def test_a_mailbox_is_divided_as_the_librarys_own_divides_it(lines: list[bytes], block_bytes: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "_BLOCK_BYTES", block_bytes)
        path = Path(folder) / "a.mbox"
        path.write_bytes(b"\n".join(lines))
        with closing(mailbox.mbox(path, create=False)) as box:
            expected = [box.get_bytes(key).strip() for key in box.iterkeys()]
        assert [data.strip() for data in mail._messages(path)] == expected

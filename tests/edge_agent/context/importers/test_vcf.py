"""Contacts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.context.importers import import_paths
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.vcf import read
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Sensitivity


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "contacts.vcf"


def entries(file: Path, *cards: str) -> list[Entry]:
    text = "\r\n".join(f"BEGIN:VCARD\r\nVERSION:3.0\r\n{card}\r\nEND:VCARD" for card in cards)
    file.write_text(text, encoding="utf-8", newline="")
    return list(read(file))


def one(file: Path, card: str) -> Item:
    (entry,) = entries(file, card)
    assert isinstance(entry, Item)
    return entry


def test_a_card_becomes_text_that_answers_questions(file: Path) -> None:
    item = one(
        file,
        "UID:u1\r\nFN:Dr. Miriam Weber\r\nN:Weber;Miriam;;Dr.;\r\nNICKNAME:Miri, The Dentist\r\nTITLE:Dentist\r\n"
        "ORG:Practice Weber;Berlin\r\nTEL;TYPE=WORK:+49 30 23125 204\r\nEMAIL:w@example.com\r\n"
        "ADR;TYPE=WORK:;;Lindenstraße 4;Berlin;;10969;Germany\r\nBDAY:1971-06-02\r\n"
        "NOTE:Closed on\\nWednesdays, as\r\n  ever.",
    )
    assert item.key == "vcf:u1"
    assert item.record.title == "Dr. Miriam Weber"
    assert item.record.people == ("Dr. Miriam Weber", "Miri", "The Dentist")
    assert item.record.place == "Lindenstraße 4, 10969 Berlin, Germany"
    assert item.record.body.split("\n") == [
        "Dentist.",
        "Works at Practice Weber, Berlin.",
        "Also called Miri, The Dentist.",
        "Phone number: +49 30 23125 204.",
        "Email: w@example.com.",
        "Address: Lindenstraße 4, 10969 Berlin, Germany.",
        "Birthday: 2 June 1971.",
        "Closed on Wednesdays, as ever.",
    ]


def test_version_4_and_a_birthday_without_a_year(file: Path) -> None:
    file.write_text(
        "BEGIN:VCARD\nVERSION:4.0\nFN:Zoë\nTEL;VALUE=uri:tel:+49-30-23125-1\nBDAY:--0602\nEND:VCARD\n", encoding="utf-8"
    )
    (entry,) = read(file)
    assert isinstance(entry, Item)
    assert entry.record.body == "Phone number: +49-30-23125-1.\nBirthday: 2 June."


def test_version_4_with_relations_and_several_addresses(file: Path) -> None:
    hilde = "BEGIN:VCARD\nVERSION:4.0\nUID:urn:uuid:h\nFN:Hilde Sommer\nKIND:individual\nEND:VCARD\n"
    zoe = (
        "BEGIN:VCARD\nVERSION:4.0\nUID:urn:uuid:z\nFN:Zoë\nROLE:Conductor\nRELATED;TYPE=parent:urn:uuid:h\n"
        'RELATED;TYPE=friend:urn:uuid:unknown\nRELATED;TYPE=spouse;VALUE=text:Tobi\nTEL;TYPE="voice,cell":0176 1\n'
        "TEL;TYPE=work:030 2\nADR;TYPE=home:;;Gartenweg 17;Potsdam;;14467;Germany\n"
        "item1.ADR:;;Seeweg 1;Rheinsberg;;16831;Germany\nitem1.X-ABLabel:Cabin\n"
        "item2.X-ABRELATEDNAMES:Felix\nitem2.X-ABLabel:_$!<Brother>!$_\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\n"
        "item3.X-ABDATE:2010-08-14\nitem3.X-ABLabel:_$!<Anniversary>!$_\nCATEGORIES:myContacts,Choir\nEND:VCARD\n"
    )
    file.write_text(hilde + zoe, encoding="utf-8")
    _, entry = read(file)
    assert isinstance(entry, Item)
    assert entry.record.body.split("\n") == [
        "Conductor.",
        "Mobile phone number: 0176 1.",
        "Work phone number: 030 2.",
        "Home address: Gartenweg 17, 14467 Potsdam, Germany.",
        "Cabin address: Seeweg 1, 16831 Rheinsberg, Germany.",
        "Birthday: 29 February.",
        "Anniversary: 14 August 2010.",
        "Parent: Hilde Sommer.",
        "Spouse: Tobi.",
        "Brother: Felix.",
        "Groups: Choir.",
    ]
    assert entry.recurrence == "DTSTART:16040229T000000\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"


def test_a_group_tells_its_members(file: Path) -> None:
    member = "BEGIN:VCARD\nVERSION:4.0\nUID:z\nFN:Zoë\nEND:VCARD\n"
    group = "BEGIN:VCARD\nVERSION:4.0\nKIND:group\nFN:Choir\nMEMBER:urn:uuid:z\nEND:VCARD\n"
    file.write_text(member + group, encoding="utf-8")
    _, entry = read(file)
    assert isinstance(entry, Item)
    assert entry.record.body == "Member: Zoë."


@pytest.mark.parametrize("birthday", ["1985", "19850230", "--13-01", "circa 1800", "T102200"])
def test_what_is_no_birthday_stays_as_it_is(file: Path, birthday: str) -> None:
    item = one(file, f"FN:x\r\nN:x;;;;\r\nBDAY:{birthday}")
    assert (item.record.body, item.recurrence) == (f"Birthday: {birthday}.", "")


def test_a_birthday_is_found_on_its_day(file: Path, store: SqliteContextStore, monday: datetime) -> None:
    file.write_text(
        "BEGIN:VCARD\nVERSION:3.0\nUID:f\nFN:Felix\nBDAY:1986-12-12\nEND:VCARD\n"
        "BEGIN:VCARD\nVERSION:3.0\nUID:h\nFN:Hilde\nBDAY:1949-03-17\nEND:VCARD\n"
    )
    import_paths(store, [file], now=monday)
    for question in ("What is on 12 December?", "Whose birthday is on 12 December?"):
        first = store.recall(question, limit=3, now=monday)[0]
        assert (first.record.title, first.record.time) == ("Felix", None)
    assert not store.recall("What is on 14 December?", limit=3, now=monday)


def test_a_card_without_a_uid_is_known_by_its_name(file: Path) -> None:
    first = one(file, "FN:Zoë\r\nN:;Zoë;;;").key
    assert first == one(file, "FN:Zoë\r\nN:;Zoë;;;\r\nTEL:123").key
    assert first != one(file, "FN:Ada\r\nN:;Ada;;;").key
    assert "Zoë" not in str(first)


def test_class_private_is_a_mark(file: Path) -> None:
    assert one(file, "FN:x\r\nN:x;;;;\r\nCLASS:PRIVATE").record.sensitivity is Sensitivity.PRIVATE
    assert one(file, "FN:x\r\nN:x;;;;\r\nCLASS:PUBLIC").record.sensitivity is Sensitivity.PERSONAL


def test_one_broken_card_is_skipped_and_the_rest_is_read(file: Path) -> None:
    found = entries(file, "FN:Ada\r\nN:;Ada;;;", "secret words, no colon", "TEL:123", "FN:Bob\r\nN:;Bob;;;")
    assert [entry.record.title for entry in found if isinstance(entry, Item)] == ["Ada", "Bob"]
    skipped = [entry for entry in found if isinstance(entry, Skipped)]
    assert [entry.source.rpartition(", ")[2] for entry in skipped] == ["card 2", "card 3"]
    assert all("secret" not in entry.reason for entry in skipped)


def test_a_file_that_is_cut_off_keeps_its_whole_cards(file: Path) -> None:
    entries(file, "FN:Ada\r\nN:;Ada;;;", "FN:Bob\r\nN:;Bob;;;")
    file.write_bytes(file.read_bytes()[:-20])
    found = list(read(file))
    assert [type(entry) for entry in found] == [Item, Skipped]


def test_what_is_no_vcard_is_one_skipped_file(file: Path) -> None:
    file.write_text("dear diary")
    assert [type(entry) for entry in read(file)] == [Skipped]

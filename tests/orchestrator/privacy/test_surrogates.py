"""Realistic stand-ins: of the same form, belonging to nobody, and put back."""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from random import Random

import pytest

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.redaction import Redaction
from orchestrator.privacy.surrogates import Surrogates
from orchestrator.types import Sensitivity


def redacted(redaction: Redaction, kind: Kind, original: str) -> str:
    """The stand-in of one original."""
    return redaction.redact(original, [Finding(kind, 0, len(original), Sensitivity.PERSONAL, "name")])


def a_request(seed: int = 3) -> Redaction:
    return Redaction(Surrogates(Random(seed)))


@pytest.mark.parametrize(
    ("kind", "original", "form"),
    [
        (Kind.PERSON, "Dr. Tom O'Brien", r"Dr\. [A-Z][\w]+ [A-Z]'[A-Z]\w+"),
        (Kind.PERSON, "Иванова Мария", r"[А-Я][а-яё]+ [А-Я][а-яё]+"),
        (Kind.PERSON, "王小明", r"[\u4e00-\u9fff]{3}"),
        (Kind.PHONE_NUMBER, "+44 20 7123 4567", r"\+44 20 7946 0\d{3}"),
        (Kind.PHONE_NUMBER, "(212) 734-1234", r"\(\d{3}\) 555-01\d\d"),
        (Kind.PHONE_NUMBER, "07911 123456", r"07700 900\d{3}"),
        (Kind.EMAIL_ADDRESS, "info@hotel.de", r"[a-z.]+@[a-z]+\.example"),
        (Kind.US_SSN, "078-05-1120", r"666-\d\d-\d{4}"),
        (Kind.ZIP_CODE, "SW1A 1AA", r"[A-Z]{2}\d[A-Z] \d[A-Z]{2}"),
        (Kind.ORGANIZATION, "Acme Ltd", r"[A-Z][a-z]+ Ltd"),
        (Kind.STREET_ADDRESS, "12 Oak Street", r"\d+ [A-Z][a-z]+ Street"),
        (Kind.AGE, "34", "AGE_1"),
        (Kind.SECRET, "hunter2", "SECRET_1"),
    ],
)
def test_a_surrogate_has_the_form_of_its_original(kind: Kind, original: str, form: str) -> None:
    surrogate = redacted(a_request(), kind, original)
    assert re.fullmatch(form, surrogate)
    assert surrogate != original


@pytest.mark.parametrize("original", ["4242 4242 4242 4242", "378282246310005", "5105-1051-0510-5109"])
def test_a_card_has_a_right_check_digit(original: str) -> None:
    surrogate = redacted(a_request(), Kind.CREDIT_CARD, original)
    assert re.sub(r"\d", "0", surrogate) == re.sub(r"\d", "0", original)
    digits = [int(digit) for digit in reversed(surrogate) if digit.isdigit()]
    assert sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


def test_an_iban_has_right_check_digits_and_no_bank() -> None:
    surrogate = redacted(a_request(), Kind.IBAN_CODE, "DE89 3704 0044 0532 0130 00").replace(" ", "")
    assert surrogate.startswith("DE")
    assert surrogate[4:12] == "00000000"
    assert int("".join(str(int(c, 36)) for c in surrogate[4:] + surrogate[:4])) % 97 == 1


def test_an_address_of_a_network_is_one_for_documentation() -> None:
    documentation = ipaddress.ip_network("2001:db8::/32")
    assert ipaddress.ip_address(redacted(a_request(), Kind.IP_ADDRESS, "fe80::1")) in documentation


def test_the_time_between_dates_stays() -> None:
    redaction = a_request()
    first, second = (redacted(redaction, Kind.DATE_TIME, day) for day in ("2024-02-20", "2024-03-03"))
    assert (date.fromisoformat(second) - date.fromisoformat(first)).days == 12
    assert first != "2024-02-20"
    assert re.fullmatch(r"\d\d? [A-Z][a-z]+ 20\d\d", redacted(redaction, Kind.DATE_TIME, "12 March 2024"))


def test_words_of_a_name_have_one_surrogate_and_come_back_alone() -> None:
    redaction = a_request()
    text = "Anna Miller and her brother Tom Miller"
    names = [Finding(Kind.PERSON, 0, 11, Sensitivity.PERSONAL, "name")]
    names.append(Finding(Kind.PERSON, 28, 38, Sensitivity.PERSONAL, "name"))
    sent = redaction.redact(text, names)
    (given, family), (_, other) = (sent.split(" ")[:2], sent.split(" ")[-2:])
    assert family == other
    restorer = redaction.restorer()
    answer = f"Ms. {family}'s first name is {given}, {given.upper()} {family}s mail"
    assert (
        "".join(map(restorer.push, answer)) + restorer.flush() == "Ms. Miller's first name is Anna, Anna Millers mail"
    )


def test_the_same_seed_gives_the_same_and_nothing_that_stands_in_a_text() -> None:
    text = "Anna met Bert"
    found = [Finding(Kind.PERSON, 0, 4, Sensitivity.PERSONAL, "name")]
    surrogate, met, _ = a_request().redact(text, found).split(" ")
    assert met == "met"
    assert a_request().redact(text, found).split(" ")[0] == surrogate
    other = a_request()
    other.read(f"{surrogate} is my cat", [])
    assert other.redact(text, found).split(" ")[0] != surrogate

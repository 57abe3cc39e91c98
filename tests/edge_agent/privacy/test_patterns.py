"""What is known by its form: what is found, as what, and what is left alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.privacy.patterns import Patterns
from orchestrator.privacy.finding import Kind
from orchestrator.types import Sensitivity


def found(text: str) -> list[tuple[Kind, str]]:
    """What is found in `text`, as what."""
    return [(finding.kind, text[finding.start : finding.end]) for finding in Patterns().find(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Block 4111 1111 1111 1111, please", Kind.CREDIT_CARD, "4111 1111 1111 1111"),
        ("my amex 3782-822463-10005 was stolen", Kind.CREDIT_CARD, "3782-822463-10005"),
        ("pay to DE89 3704 0044 0532 0130 00 today", Kind.IBAN_CODE, "DE89 3704 0044 0532 0130 00"),
        ("my iban is gb29nwbk60161331926819", Kind.IBAN_CODE, "gb29nwbk60161331926819"),
        ("account number 12345678 at the bank", Kind.ACCOUNT_NUMBER, "12345678"),
        ("SSN: 536-22-1234.", Kind.US_SSN, "536-22-1234"),
        ("my social security number is 536221234", Kind.US_SSN, "536221234"),
        ("My driver's license number is F255-9215-0094", Kind.US_DRIVER_LICENSE, "F255-9215-0094"),
        ("Codice fiscale RSSMRA85T10A562S", Kind.NATIONAL_ID, "RSSMRA85T10A562S"),
        ("henkilötunnus 131052-308T", Kind.NATIONAL_ID, "131052-308T"),
        ("write to jo.o'neil+a@mail.example.co.uk.", Kind.EMAIL_ADDRESS, "jo.o'neil+a@mail.example.co.uk"),
        ("ping 10.11.12.13 once", Kind.IP_ADDRESS, "10.11.12.13"),
        ("ping 2001:db8::ff00:42:8329 once", Kind.IP_ADDRESS, "2001:db8::ff00:42:8329"),
        ("see https://example.org/a?b=c.", Kind.DOMAIN_NAME, "https://example.org/a?b=c"),
        ("it is on shop.example.de, I think", Kind.DOMAIN_NAME, "shop.example.de"),
        ("call +49 (0)170 123 45 67 now", Kind.PHONE_NUMBER, "+49 (0)170 123 45 67"),
        ("it was 668 5702 once", Kind.PHONE_NUMBER, "668 5702"),
        ("fax 5551234", Kind.PHONE_NUMBER, "5551234"),
        ("(217)555-0139x22 rings", Kind.PHONE_NUMBER, "(217)555-0139x22"),
        ("06\u202f12\u202f34\u202f56\u202f78", Kind.PHONE_NUMBER, "06\u202f12\u202f34\u202f56\u202f78"),
        ("my zip code is 90010-1701", Kind.ZIP_CODE, "90010-1701"),
        ("she is 37 years old", Kind.AGE, "37"),
        ("a 37-year-old nurse", Kind.AGE, "37"),
        ("born on 12/31/1979 at noon", Kind.DATE_TIME, "12/31/1979"),
        ("due 2026-11-21T15:42:20Z or so", Kind.DATE_TIME, "2026-11-21T15:42:20Z"),
        ("on the 5th of May 2020 we", Kind.DATE_TIME, "5th of May 2020"),
        ("founded in 1977, it", Kind.DATE_TIME, "1977"),
        ("ask Dr. Weiss", Kind.TITLE, "Dr."),
        ("password: correct-horse", Kind.SECRET, "correct-horse"),
        ("my PIN is 4711", Kind.SECRET, "4711"),
        ("use sk-proj-aB3dE5gH7jK9mN1pQ3sT5", Kind.SECRET, "sk-proj-aB3dE5gH7jK9mN1pQ3sT5"),
        ("key AKIAIOSFODNN7EXAMPLE leaked", Kind.SECRET, "AKIAIOSFODNN7EXAMPLE"),
        ("GET https://x.example/cb?access_token=abcdef123", Kind.SECRET, "https://x.example/cb?access_token=abcdef123"),
        ("postgres://joe:hunter2@db.example/main", Kind.SECRET, "postgres://joe:hunter2@db.example/main"),
    ],
)
def test_found(text: str, kind: Kind, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is 1 000 000 divided by 12 500?",
        "Between 10000-20000 people came.",
        "Python 3.11.9 and version 10.0.19045.3803 of it",
        "The ISBN is 978-3-16-148410-0.",
        "pi is 3.14159265358979",
        "Order 4111111111111112 items",
        "What password should I choose? A secret is safer.",
        "The main.py of e.g. this file, i.e. that one.",
        "I'm 5 minutes late and turned 90 degrees.",
        "3 + 4 = 7, 10 20 30 40 50",
        "It costs $1,234,567.89 or 1.234.567 euros",
        "The swift adoption of it, on 10000 What, in London, 1851",
        "I call it:\nD. 246500",
        "Is 127.0.0.1 the same as localhost?",
    ],
)
def test_left_alone(text: str) -> None:
    assert found(text) == []


@given(st.text(st.sampled_from("ab @.:/-+()0123456789\n"), max_size=60))
def test_findings_are_in_order_and_apart(text: str) -> None:
    findings = Patterns().find(text)
    assert all(0 <= each.start < each.end <= len(text) for each in findings)
    assert all(one.end <= two.start for one, two in pairwise(findings))


def test_what_does_harm_is_private() -> None:
    labels = {finding.kind: finding.label for finding in Patterns().find("IBAN DE89370400440532013000 of jo@x.example")}
    assert labels == {Kind.IBAN_CODE: Sensitivity.PRIVATE, Kind.EMAIL_ADDRESS: Sensitivity.PERSONAL}

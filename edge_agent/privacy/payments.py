"""Payment cards, IBANs and account numbers."""

from __future__ import annotations

import re
from typing import Final

from stdnum import iban, luhn

from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Kind

_JOIN: Final = r"[ \u00a0\u202f.\u2010-\u2013-]"
_CARD: Final = re.compile(rf"(?<![\w+])(?<!\d[.,-])\d(?:{_JOIN}?\d){{11,18}}(?![\w]|[-,]\d|\.\d)")
_ISSUERS: Final = re.compile(r"4|5[0-8]|6|3[4-8]|30[0-59]|2[0-7]|0604|1800|9792|81|\d{16}\Z")
"""How the numbers of card schemes begin (ISO/IEC 7812): of Visa, Mastercard, Maestro, Discover, UnionPay, RuPay,
American Express, Diners Club, JCB, Mir, Troy. Sixteen digits are hardly ever anything else. Of ten numbers at
random one passes Luhn's test; a word about cards makes up for another beginning."""
_OF_CARD: Final = re.compile(
    r"card|kart[ea]|visa\b|master|maestro|amex|american express|diners|discover\b|jcb\b|\bcc\b|\bpan\b|carte"
    r"|tarjeta|cart[ãa]o|carta|debit|credit",
    re.IGNORECASE,
)
_IS_CARD: Final = re.compile(
    r"(?:card(?:[ -]?(?:no|nr|num|number))?|visa|mastercard|amex|\bcc)\b[\s.:#]*(?:is|ending|was|number)?[\s:]*\Z",
    re.IGNORECASE,
)
_COUNTRY_BEFORE: Final = re.compile(r"\+\(?\d{1,3}\)?[ -]\Z")
_CARD_REACH: Final = 60
_IBAN: Final = re.compile(r"(?<![\w])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}(?!\w)")
_SHORTEST_IBAN: Final = 15
_OF_IBAN: Final = re.compile(r"\biban\b\W*(?:is|no|number|nr|code)?[\s:#]*\Z", re.IGNORECASE)
_ACCOUNT: Final = re.compile(
    r"(?P<name>\b(?:(?:bank|savings?|checking|current|debit|deposit|customer|client|brokerage|user)[ "
    r"-]?)?(?:account|acct|a/c|acc)\b"
    r"(?:[ -]?(?:no|nr|num(?:ber)?|id))?|konto(?:[ -]?(?:nr|nummer))?|compte|cuenta|conto|rekening(?:nummer)?"
    r"|routing(?: (?:no|number))?|sort[ -]?code"
    r"|\bABA\b|\bBBAN\b|\bBLZ\b|\bBSB\b|transit number|(?:policy|membership|loyalty|insurance|patient|member"
    r"|medical record|MRN)\b(?:[ -]?(?:no|nr|num(?:ber)?|id))?)"
    r"[\s.:#]*(?:(?:is|was|ending in|ist|number|of mine|with)[\s:#]*)?"
    r"(?P<value>(?:[A-Za-z]{1,4}[ -]?)?\d[\d -]{2,22}\d(?![\w]))",
    re.IGNORECASE,
)
_SWIFT: Final = re.compile(
    r"\b(?:BIC|SWIFT)(?:/BIC|/SWIFT)?(?: code)?\b[\s:#]*(?:is\s+)?"
    r"(?P<value>(?-i:[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?))\b",
    re.IGNORECASE,
)
_ACCOUNTS: Final = frozenset(
    (
        *(
            "account",
            "accounts",
            "acct",
            "acc",
            "c",
            "konto",
            "kontonummer",
            "kontonr",
            "compte",
            "cuenta",
            "conto",
            "rekening",
        ),
        *(
            "rekeningnummer",
            "routing",
            "sort",
            "aba",
            "bban",
            "blz",
            "bsb",
            "transit",
            "policy",
            "membership",
            "loyalty",
        ),
        *("insurance", "patient", "member", "medical", "mrn"),
    )
)
_BANKS: Final = frozenset(("bic", "swift"))
_LEAST_DIGITS: Final = 4


def find(page: Page) -> None:
    """Take what money is moved with."""
    _take_ibans(page)
    _take_cards(page)
    for match in page.matches(_ACCOUNT, page.near(_ACCOUNTS, 12, 60)):
        if sum(map(str.isdigit, match["value"])) >= _LEAST_DIGITS:
            page.take(Kind.ACCOUNT_NUMBER, *match.span("value"))
    for match in page.matches(_SWIFT, page.near(_BANKS, 0, 30)):
        page.take(Kind.ACCOUNT_NUMBER, *match.span("value"))


def _take_ibans(page: Page) -> None:
    for match in page.matches(_IBAN, page.near_digits(right=12)):
        end = _iban_end(match[0])
        if end is None and _OF_IBAN.search(page.before(match.start(), 24)):
            end = len(match[0])  # told to be one, with a slip in it
        if end is not None:
            page.take(Kind.IBAN_CODE, match.start(), match.start() + end)


def _iban_end(written: str) -> int | None:
    """Where an IBAN that stands at the beginning of `written` ends; a word behind a space may have been read "
    "along."""
    end = len(written)
    while end >= _SHORTEST_IBAN:
        if iban.is_valid(written[:end].replace("\u00a0", " "), check_country=False):
            return end
        end = max(written.rfind(sign, 0, end) for sign in " -\u00a0")
    return None


def _take_cards(page: Page) -> None:
    for match in page.matches(_CARD, page.near_digits()):
        digits = re.sub(r"\D", "", match[0])
        before = page.before(match.start(), _CARD_REACH)
        if _COUNTRY_BEFORE.search(before):
            continue  # a telephone number without its beginning
        spoken_of = _OF_CARD.search(before) or _OF_CARD.search(page.after(match.end(), _CARD_REACH // 2))
        right = luhn.is_valid(digits) and (spoken_of or _ISSUERS.match(digits))
        if right or (len(digits) >= 13 and _IS_CARD.search(before)):
            page.take(Kind.CREDIT_CARD, *match.span())

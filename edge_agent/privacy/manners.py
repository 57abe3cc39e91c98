"""How people are addressed, and where their letters go: titles and postal codes."""

from __future__ import annotations

import re
from typing import Final

from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Kind

_TITLE: Final = re.compile(
    r"(?<![\w.])(?:(?:Mrs?|Ms|Mx|Dr|Prof|Rev|Fr|Sr|Sra|Srta|Capt|Lt|Sgt|Col|Gen|Cpl|Maj|Hon|Messrs|Mme|Mlle|Dott"
    r"|Sig|Ing|Mag)\.(?=\s?[^\W\d_])"
    r"|(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Sir|Madam|Dame|Lady|Lord|Reverend|Captain|Herr|Frau|Madame|Monsieur"
    r"|Mademoiselle|Señora?|Signora?"
    r"|Senhora?|Pan|Pani|Mevrouw|Meneer|Doctor|Rabbi|Imam|Sheikh|Judge|Senator)(?=\s(?-i:[^\W\d_a-zß-öø-ÿ])))",
    re.IGNORECASE,
)
_NAMES: Final = (
    r"\b(?:zip|post(?:al)?)[ -]?(?:code|number|nr)?s?\b|\bzip\b|\bpost-?code\b|\bPLZ\b|Postleitzahl"
    r"|code postal|c[óo]digo postal|\bCEP\b|\bCAP\b|postnummer|\bPIN code\b"
)
_CODE: Final = (
    r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z][ -]?\d[A-Z]\d|\d{4} ?[A-Z]{2}|[A-Z]{1,2}-?\d{3,5}"
    r"|\d{5}-\d{3,4}|\d{4}-\d{3}|\d{3} \d{2}|\d{2}-\d{3}|\d{3,10}"
)
_NAMED_CODE: Final = re.compile(
    rf"(?:{_NAMES})[\s:#]*(?:(?:is|was|of|ist|est)\s*:?\s*)?(?P<code>{_CODE})(?![\w]|-\d)", re.IGNORECASE
)
_POSTAL: Final = frozenset(
    (
        "zip",
        "post",
        "postal",
        "postcode",
        "plz",
        "postleitzahl",
        "code",
        "código",
        "codigo",
        "cep",
        "cap",
        "postnummer",
        "pin",
    )
)
_TITLES: Final = frozenset(
    (
        *(
            "mr",
            "mrs",
            "ms",
            "mx",
            "dr",
            "prof",
            "rev",
            "fr",
            "sr",
            "sra",
            "srta",
            "capt",
            "lt",
            "sgt",
            "col",
            "gen",
            "cpl",
        ),
        *(
            "maj",
            "hon",
            "messrs",
            "mme",
            "mlle",
            "dott",
            "sig",
            "ing",
            "mag",
            "miss",
            "professor",
            "sir",
            "madam",
            "dame",
        ),
        *(
            "lady",
            "lord",
            "reverend",
            "captain",
            "herr",
            "frau",
            "madame",
            "monsieur",
            "mademoiselle",
            "señor",
            "señora",
        ),
        *(
            "signor",
            "signora",
            "senhor",
            "senhora",
            "pan",
            "pani",
            "mevrouw",
            "meneer",
            "doctor",
            "rabbi",
            "imam",
            "sheikh",
        ),
        *("judge", "senator"),
    )
)
_STATES: Final = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK"
    "|OR|PA|RI|SC"
    "|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|AA|AE|AP"
)
_TOWN: Final = r"[^\W\d_a-zß-öø-ÿ][^\W\d_]+"
_IN_TOWN: Final = re.compile(
    rf"\b(?:in|at|from|to|near|of)\s+{_TOWN}(?:[ '-](?:de|do|da|di|la|le|el|am|an|der|den|på|i|São"
    rf"|{_TOWN})){{0,5}},?\s(?!(?:1[5-9]|20)\d\d\b)(?P<code>\d{{4,5}}(?:-\d{{3,4}})?|\d{{3}} \d{{2}})(?![\w:%-]|[.,]\d)"
)
_STATED: Final = re.compile(rf"\b(?=[A-Z]{{2}},?\s)(?:{_STATES}),?\s{{1,2}}(?P<code>\d{{5}}(?:-\d{{4}})?)(?![\w-])")
_NO_TOWNS: Final = "An|And|Answer|But|How|If|In|Is|Of|On|Or|The|Then|They|This|We|What|When|Where|Which|Who|Why"
_BEFORE_TOWN: Final = re.compile(
    rf"(?<![\w.,#$€£/-])(?=\d|[A-Z]{{1,3}}-)(?:(?:DE?|A|CH|F|I|L|B|NL|SE?|NO?|FIN?|PL|CZ)-)?"
    rf"(?P<code>\d{{5}}|\d{{4}} ?[A-Z]{{2}}|\d{{2}}-\d{{3}}|\d{{3}} \d{{2}}) (?!(?:{_NO_TOWNS})\b){_TOWN}"
)
_UNMISTAKABLE: Final = re.compile(
    r"\b(?P<code>(?:[A-PR-UWYZ]\d{1,2}|[A-PR-UWYZ][A-HK-Y]\d{1,2}|[A-PR-UWYZ]\d[A-HJKPSTUW]"
    r"|[A-PR-UWYZ][A-HK-Y]\d[ABEHMNPRV-Y]|GIR) \d[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] "
    r"\d[ABCEGHJ-NPRSTV-Z]\d)\b"
)


def find_titles(page: Page) -> None:
    """Take titles: the title alone, since the name behind it is found by others."""
    for match in page.matches(_TITLE, page.near(_TITLES, 0, 16)):
        page.take(Kind.TITLE, *match.span())


def find_codes(page: Page) -> None:
    """Take postal codes: those with a word or a town beside them, or of a form that nothing else has."""
    for match in page.matches(_NAMED_CODE, page.near(_POSTAL, 0, 40)):
        page.take(Kind.ZIP_CODE, *match.span("code"))
    for pattern, left, right in ((_STATED, 30, 24), (_IN_TOWN, 60, 0), (_BEFORE_TOWN, 30, 24), (_UNMISTAKABLE, 0, 0)):
        for match in page.matches(pattern, page.near_digits(left, right)):
            page.take(Kind.ZIP_CODE, *match.span("code"))

"""Mail addresses, addresses on the web, domains and IP addresses."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from typing import Final

from edge_agent.privacy.credentials import opens_something
from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Kind

_HOST: Final = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)"
_AT: Final = re.compile(r"@|\s?[(\[]\s?at\s?[)\]]\s?", re.IGNORECASE)
_SPELLED_AT: Final = re.compile(r"[(\[]\s?at\s?[)\]]", re.IGNORECASE)
_SIGN: Final = re.compile("@")
_MAILBOX: Final = re.compile(r"(?<![\w.+-])\w[\w.!#$%&'*+^`{|}~-]{0,63}\Z")
_MAIL_HOST: Final = re.compile(rf"{_HOST}{{1,8}}[^\W\d_][\w-]{{0,22}}[^\W_](?!-)|\[[\d.:a-fA-F]+\]")
"""RFC 5322's dot-atom without its rarest signs; letters of every script, as in RFC 6531."""
_URL: Final = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,14}://|www\d?\.)[^\s<>\"“”\x00]+", re.IGNORECASE)
_IN_URL: Final = re.compile("://|www|WWW|Www")
_ENDS_SENTENCE: Final = ".,;:!?'\"»”’*_"
_OPENING: Final = {")": "(", "]": "[", "}": "{"}
_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?!\w|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])", re.IGNORECASE
)
_VERSION: Final = re.compile(r"(?:\bv(?:ersion|er)?\.?|\brelease|\bfirmware|\bbuild)\s*$", re.IGNORECASE)
_NOBODYS: Final = frozenset({"0.0.0.0", "127.0.0.1", "255.255.255.255", "::1", "::"})
"""Addresses that every device has."""

_GENERIC: Final = (
    "com net org edu gov mil int info biz name pro mobi aero coop museum jobs travel xxx post tel cat asia eus "
    "gal bzh scot "
    "app dev xyz online site shop store blog cloud tech space website club live news media agency studio design "
    "digital "
    "email network systems solutions services group global world today life fun top vip icu bank finance health care "
    "рф укр бел срб бг ελ 中国 한국 भारत ไทย "
    "academy school university io ai co tv gg ly fm sh page link wiki example test invalid local lan internal onion"
)
_COUNTRIES: Final = (
    "ac ad ae af ag al ao aq ar at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw bz ca cd cf cg ch "
    "ci ck cl "
    "cm cn cr cu cv cw cx cy cz de dj dk dm dz ec ee eg er es et eu fi fj fk fo fr ga gd ge gf gh gi gl gm gn gp "
    "gq gr gt "
    "gu gw gy hk hn hr ht hu id ie il im in iq ir it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk "
    "lr ls lt "
    "no lu lv ma mc me mg mh mn mo mp mq mr ms mt mu mv mw mx mz na nc ne nf ng ni nl np nr nu nz om pa pe pf pg ph "
    "pk pn pr "
    "pt pw qa re ro ru rw sa sb sc sd se sg si sk sl sm sn sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn "
    "tr tt tw "
    "tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
"""Without those that more often end a file's name or begin a sentence: py, rs, md, pl, ps, cc, mk, is, to, so, "
"do, my."""
_ENDINGS: Final = "|".join(sorted({*_GENERIC.split(), *_COUNTRIES.split(), "pl"}, key=len, reverse=True))
_ENDING: Final = re.compile(rf"\.(?=[^\W\d_])(?:{_ENDINGS}|{_ENDINGS.upper()})(?![\w@-]|\.\w)(?:/[^\s<>\"\x00]*)?")
_DOMAIN: Final = re.compile(rf"(?<![\w@./\\-]){_HOST}{{0,5}}[^\W_](?:[\w-]{{0,61}}[^\W_])?\Z")
_LONGEST: Final = 253
"""Of a name in the DNS, in characters (RFC 1035)."""


def find_urls(page: Page) -> None:
    """Take whole addresses on the web; one that opens something is a secret."""
    for match in page.matches(_URL, page.tokens(_IN_URL)):
        kind = Kind.SECRET if opens_something(match[0]) else Kind.DOMAIN_NAME
        page.take(kind, match.start(), match.start() + len(_without_sentence_end(match[0])))


def find(page: Page) -> None:
    """Take mail addresses, IP addresses and bare domains."""
    text = page.text
    if "@" in text or "[at" in text or "(at" in text:
        _take_mail(page)
    for match in page.matches(_IPV4, page.near_digits()):
        _take_ip(page, match)
    if ":" in text:
        for match in page.matches(_IPV6, [(0, len(text))] if "::" in text else page.near_digits()):
            _take_ip(page, match)
    if "." in page.rest:
        _take_domains(page)


def _take_mail(page: Page) -> None:
    for sign in (_AT if _SPELLED_AT.search(page.rest) else _SIGN).finditer(page.rest):
        box = _MAILBOX.search(page.rest[max(0, sign.start() - 65) : sign.start()])
        host = _MAIL_HOST.match(page.rest, sign.end())
        if box and host:
            page.take(Kind.EMAIL_ADDRESS, sign.start() - len(box[0]), host.end())


def _take_domains(page: Page) -> None:
    for ending in _ENDING.finditer(page.rest):
        name = _DOMAIN.search(page.rest[max(0, ending.start() - _LONGEST) : ending.start()])
        if name:
            page.take(
                Kind.DOMAIN_NAME, ending.start() - len(name[0]), ending.start() + len(_without_sentence_end(ending[0]))
            )


def _without_sentence_end(found: str) -> str:
    """A web address without the full stop or the bracket that belong to the sentence around it."""
    while found and (
        found[-1] in _ENDS_SENTENCE or found.count(found[-1]) > found.count(_OPENING.get(found[-1], found[-1]))
    ):
        found = found[:-1]
    return found


def _take_ip(page: Page, match: re.Match[str]) -> None:
    written = match[0].partition("/")[0]
    if written in _NOBODYS or _VERSION.search(page.before(match.start(), 12)):
        return
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(written)
        page.take(Kind.IP_ADDRESS, *match.span())

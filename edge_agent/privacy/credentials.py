"""Secrets: keys, tokens and passwords, by how their makers write them, or by the words before them."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Kind

_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL
)
_MADE: Final = re.compile(
    r"(?<![\w-])(?:"
    r"sk-(?:ant-|proj-|or-|svcacct-)?[\w-]{16,}"
    r"|(?:sk|pk|rk)_(?:live|test)_\w{10,}|whsec_\w{16,}"
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|gldt-[\w-]{16,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|hf_\w{20,}|npm_\w{30,}|pypi-[\w-]{30,}|dop_v1_\w{30,}|shp(?:at|ca|pa|ss)_\w{20,}|r8_\w{30,}|gsk_\w{30,}"
    r"|nvapi-[\w-]{30,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|sq0(?:atp|csp)-[\w-]{20,}|\d{8,10}:AA[\w-]{32,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?"
    r"|AGE-SECRET-KEY-1\w{50,}"
    r")(?!\w)"
)
_IN_URL: Final = re.compile(
    r"://[^/@\s]*:[^/@\s]+@"
    r"|[?&#;](?:[\w-]*(?:token|secret|passw(?:or)?d|pwd|api[_-]?key|apikey|signature|credential)[\w-]*"
    r"|key|auth|sig|code|sid|jwt|session(?:id)?)=[^&\s]{4,}",
    re.IGNORECASE,
)
"""A user's password before the host, or a parameter that is one."""
_NAMES: Final = (
    r"pass(?:word|phrase|code|wd|wort)?|passwort|kennwort|mot de passe|contrase[ñn]a|senha|wachtwoord|has[łl]o"
    r"|heslo|l[öo]senord|pwd"
    r"|(?:api|access|secret|private|auth|client|app|master|recovery|license|encryption|signing)[ _-]?(?:key|token"
    r"|secret|code)s?"
    r"|secret|token|credentials?|bearer|pin(?: ?(?:code|number))?|otp|cvv2?|cvc|security code|verification code"
    r"|2fa code|seed phrase"
)
_TOLD: Final = re.compile(
    rf"(?<![^\W_])(?P<name>{_NAMES})\b[\"'`]?(?:\s+(?:for|to|of|at|on)\s+[^:=\n]{{1,40}}?)?"
    rf"(?P<sign>\s*(?:[:=]|=>|->)\s*|\s+(?:is|was|ist|est|es|é|è|to)\s*:?\s+|\s+)"
    rf"(?P<quote>[\"'`“«]?)(?P<value>[^\s\"'`“”«»\x00]{{3,200}})",
    re.IGNORECASE,
)
_HINTS: Final = frozenset(
    (
        *(
            "pass",
            "password",
            "passphrase",
            "passcode",
            "passwd",
            "passwort",
            "kennwort",
            "passe",
            "contraseña",
            "contrasena",
        ),
        *(
            "senha",
            "wachtwoord",
            "hasło",
            "haslo",
            "heslo",
            "lösenord",
            "losenord",
            "pwd",
            "key",
            "keys",
            "apikey",
            "token",
        ),
        *(
            "tokens",
            "secret",
            "secrets",
            "credential",
            "credentials",
            "bearer",
            "pin",
            "otp",
            "cvv",
            "cvc",
            "code",
            "seed",
        ),
    )
)
_PLACEHOLDER: Final = re.compile(
    r"[*•x.#_-]+|<.*|\{.*|\[.*|\$.*|%.*|none|null|true|false|required|optional|n/?a|unknown|\?+", re.IGNORECASE
)
_DIGITS_WILL_DO: Final = re.compile(r"pin|otp|cv|code", re.IGNORECASE)
_STRAY: Final = ".,;:!?)]}"
_RANDOM: Final = re.compile(r"(?<![\w/+=.-])[\w+/=-]{24,200}(?![\w/+=-])")
_LEAST_BITS: Final = 3.5
"""A character, by Shannon's entropy of the string: words of a language that are joined stay below, keys do not."""


def find(page: Page) -> None:
    """Take what opens something; after addresses on the web, which may hold it."""
    if "-----BEGIN" in page.text:
        for match in _PEM.finditer(page.rest):
            page.take(Kind.SECRET, *match.span())
    for match in page.matches(_MADE, page.near_digits()):
        page.take(Kind.SECRET, *match.span())
    if page.has(_HINTS):
        _take_told(page)
        _take_random(page)


def opens_something(url: str) -> bool:
    """Whether an address on the web has a password, a token or a key in it."""
    return _IN_URL.search(url) is not None or _MADE.search(url) is not None


def _take_told(page: Page) -> None:
    """What stands behind "password:" or "my PIN is"."""
    for match in page.matches(_TOLD, page.near(_HINTS, 24, 260)):
        value = match["value"].rstrip(_STRAY)
        if _opens(match["name"], match["sign"], match["quote"], value):
            page.take(Kind.SECRET, match.start("value"), match.start("value") + len(value))


def _opens(name: str, sign: str, quote: str, value: str) -> bool:
    """Whether this is a secret, or a word of a sentence about secrets."""
    if len(value) < 3 or _PLACEHOLDER.fullmatch(value):
        return False
    has_digit = any(map(str.isdigit, value))
    if _DIGITS_WILL_DO.match(name) or _DIGITS_WILL_DO.search(name.rpartition(" ")[2]):
        return has_digit and len(value) >= 3
    if sign.strip() in (":", "=", "=>", "->") or quote:
        return len(value) >= 4
    mixed = value.lower() != value and not value.istitle() and not value.isupper()
    strange = any(not sign.isalnum() and sign not in "-'’/" for sign in value)
    return len(value) >= 5 and (has_digit or mixed or strange)


def _take_random(page: Page) -> None:
    """Long strings without any order, where the text speaks of keys at all."""
    for match in page.matches(_RANDOM, page.near_digits()):
        if _is_random(match[0]):
            page.take(Kind.SECRET, *match.span())


def _is_random(token: str) -> bool:
    counts = Counter(token).values()
    bits = -sum(count / len(token) * math.log2(count / len(token)) for count in counts)
    kinds = (str.isdigit, str.islower, str.isupper)
    mixed = sum(any(map(kind, token)) for kind in kinds) >= 2 and any(map(str.isdigit, token))
    return mixed and bits >= _LEAST_BITS

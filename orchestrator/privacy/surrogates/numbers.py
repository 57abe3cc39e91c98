"""Surrogates for numbers: of the same form, from ranges that belong to nobody, with right check digits."""

from __future__ import annotations

import ipaddress
import re
from random import Random
from typing import Final

_NORTH_AMERICAN: Final = ("202", "303", "312", "415", "512", "617", "713", "818")
_FICTION: Final[dict[str, tuple[str, ...]]] = {
    "44": ("7700900###", "2079460###", "1632960###"),
    "49": ("3023125###", "6990009###", "4066969###", "8999998###"),
    "33": ("6399800##", "1990000##", "6399801##"),
    "61": ("491570###", "255500###"),
}
"""National numbers set aside for film and print: Ofcom, Bundesnetzagentur, ARCEP, ACMA; `#` is drawn. Numbers of North
America are 555-0100 to 555-0199."""
_CARDS: Final = (
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "5200828282828210",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
)
"""What payment processors give out for tests; no card has these numbers."""


def regrouped(digits: str, like: str) -> str:
    """Digits (and letters) in the places of another number's; as they are where the counts differ."""
    if len(digits) != sum(character.isalnum() for character in like):
        return digits
    rest = iter(digits)
    return "".join(next(rest) if character.isalnum() else character for character in like)


def scrambled(original: str, random: Random) -> str:
    """Each digit another digit, each letter another letter of the same case."""
    return "".join(_other(character, random) for character in original)


def phone(original: str, random: Random) -> str:
    """A phone number in the same grouping, from its country's range for fiction; elsewhere from North America's."""
    digits = "".join(filter(str.isdigit, original))
    international = original.lstrip("( ").startswith("+") or digits.startswith("00")
    digits = digits.removeprefix("00") if international else digits
    country = next((code for code in ("1", *_FICTION) if digits.startswith(code)), "") if international else ""
    national = digits[len(country) :] if international else digits.lstrip("0")
    trunk = "" if international else digits[: len(digits) - len(national)]
    if not international and trunk:
        country = "44" if len(digits) == 11 and digits[1] in "127" else "33" if len(digits) == 10 else "49"
    drawn = _national(country, national, random)
    plain = (country if international else trunk) + drawn
    if international and "".join(filter(str.isdigit, original)).startswith("00"):
        plain = "00" + plain
    grouped = regrouped(plain, original)
    return f"+{plain}" if international and grouped == plain and not plain.startswith("00") else grouped


def card(original: str, random: Random) -> str:
    """A card number for tests, of the same network where there is one left; its Luhn digit is right."""
    digits = "".join(filter(str.isdigit, original))
    others = [number for number in _CARDS if number != digits]
    alike = [number for number in others if (number[0], len(number)) == (digits[0], len(digits))]
    return regrouped(random.choice(alike or others), original)


def iban(original: str, random: Random) -> str:
    """An IBAN of the same country and length, whose bank does not exist (zeros), with right check digits (ISO 7064)."""
    letters = "".join(filter(str.isalnum, original)).upper()
    country, tail = letters[:2], letters[-6:]
    account = "0" * (len(letters) - 4 - len(tail)) + "".join(str(random.randrange(10)) for _ in tail)
    number = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return regrouped(f"{country}{98 - int(number) % 97:02d}{account}", original)


def social_security(original: str, random: Random) -> str:
    """A United States social security number of area 666, which is given to nobody."""
    return regrouped(f"666{random.randrange(1, 100):02d}{random.randrange(1, 10000):04d}", original)


def ip_address(original: str, random: Random) -> str:
    """An address of the blocks for documentation (RFC 5737, RFC 3849)."""
    if ":" in original:
        return str(ipaddress.IPv6Address((0x20010DB8 << 96) + random.getrandbits(64)))
    return f"{random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{random.randrange(1, 255)}"


def _national(country: str, national: str, random: Random) -> str:
    """A national number for fiction, of the same length where there is one."""
    if country in _FICTION:
        ranges = _FICTION[country]
        fitting = [each for each in ranges if len(each) == len(national) and each[0] == national[0]]
        fitting = fitting or [each for each in ranges if len(each) == len(national)] or list(ranges)
        return re.sub("#", lambda _: str(random.randrange(10)), random.choice(fitting))
    local = f"555{random.randrange(100, 200):04d}"
    return local if len(national) == len(local) else random.choice(_NORTH_AMERICAN) + local


def _other(character: str, random: Random) -> str:
    if character.isdigit():
        return random.choice("0123456789".replace(character, ""))
    if character.isascii() and character.isalpha():
        drawn = random.choice("ABCDEFGHJKLMNPRSTUVWXYZ".replace(character.upper(), ""))
        return drawn if character.isupper() else drawn.lower()
    return character

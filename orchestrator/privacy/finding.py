"""What a detector finds in a text: where something stands that tells of a person, what it is, and how private it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.types import Sensitivity


class Kind(StrEnum):
    """What was found. The names are those of Presidio and its evaluation data, so that results can be compared."""

    PERSON = "PERSON"
    ORGANIZATION = "ORGANIZATION"
    STREET_ADDRESS = "STREET_ADDRESS"
    GPE = "GPE"
    """A country, a state or a town (geo-political entity)."""
    ZIP_CODE = "ZIP_CODE"
    NRP = "NRP"
    """A nationality, a religion or a political group."""
    DATE_TIME = "DATE_TIME"
    AGE = "AGE"
    TITLE = "TITLE"
    EMAIL_ADDRESS = "EMAIL_ADDRESS"
    PHONE_NUMBER = "PHONE_NUMBER"
    DOMAIN_NAME = "DOMAIN_NAME"
    IP_ADDRESS = "IP_ADDRESS"
    CREDIT_CARD = "CREDIT_CARD"
    IBAN_CODE = "IBAN_CODE"
    ACCOUNT_NUMBER = "ACCOUNT_NUMBER"
    US_SSN = "US_SSN"
    US_DRIVER_LICENSE = "US_DRIVER_LICENSE"
    NATIONAL_ID = "NATIONAL_ID"
    """A number by which a state knows a person, with its check digits right."""
    SECRET = "SECRET"
    """A password, a key, or a URL with a token in it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of a text, from `start` up to and not including `end`, in code points."""

    kind: Kind
    start: int
    end: int
    label: Sensitivity
    """How far it may travel: of what the store knows, the label of the record that it is from, and never public."""
    source: str
    """Who found it, for reasons and measurements: `pattern`, `name`, or `record 12`. Never the text itself."""

    @property
    def is_known(self) -> bool:
        """Whether it is from one of the user's own records."""
        return self.source.startswith("record ")

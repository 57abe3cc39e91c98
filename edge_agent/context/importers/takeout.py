"""Google Takeout: what its folders have in common. Mail, calendars and contacts in them are files like any others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_ROOT: Final = "takeout"
_CONTACTS: Final = "contacts"


def is_inside(path: Path) -> bool:
    """Whether a file lies in an unpacked Takeout, whose other products' JSON and pages are no records."""
    return any(folder.name.lower() == _ROOT for folder in path.parents)


def home_of_contacts(path: Path) -> Path:
    """In Takeout the folder of all contacts: who is in two groups is in two of its files, without a UID."""
    return next((folder for folder in path.parents if folder.name.lower() == _CONTACTS and is_inside(folder)), path)

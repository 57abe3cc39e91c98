"""Texts of others in a terminal."""

from __future__ import annotations


def harmless(text: str) -> str:
    """The text as it is, but for what would steer the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)

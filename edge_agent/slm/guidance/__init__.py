"""Structured output: what an answer may look like, held to token by token."""

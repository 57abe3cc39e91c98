"""Calls of tools: how a model is told of them, how it writes them, and how they are read back."""

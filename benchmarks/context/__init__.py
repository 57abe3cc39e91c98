"""Recall measured: how quick it is in a large store, what it costs, and how well it tells whose question is whose."""

"""Canaries: made-up lives with unguessable words in them, asked for in every way, and looked for wherever they may not
be.

A trial is one life on one device: a real agent over a real store, a real gateway process, a recording model server
behind it. The first law of the design says what must never be found; `python -m benchmarks.canaries` looks.
"""

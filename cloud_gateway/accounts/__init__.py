"""Accounts: what keys and tenants may use in a window, reserved before the model server is asked and settled after.

`orchestrator.budget` keeps a device's ledger with the same words. Its store is synchronous, counts in floating point
and has a price that learns; a gateway counts whole units, for thousands of owners, in one step for all windows of a
request. So the two share their words and laws, and no code.
"""

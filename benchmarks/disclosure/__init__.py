"""Minimal disclosure, shown on written cases: the general question leaves, and the device joins the answer at home."""

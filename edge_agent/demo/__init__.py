"""`edgewise demo`: the whole system at once, on one machine."""

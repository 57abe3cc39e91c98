"""Fitting and measuring routers on questions of which it is known who got them right."""

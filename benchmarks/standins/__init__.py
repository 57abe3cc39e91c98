"""How often stand-ins come back usable from the cloud's model: see `__main__`."""

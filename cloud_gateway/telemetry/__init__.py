"""What can be seen of a gateway from outside. docs/observability.md has every name.

metrics     what happens, counted and timed as it happens
standing    how things stand, read when somebody looks
exposition  the address where Prometheus looks
inspection  reflection and channelz, where they are allowed
redis       the Redis client, timed
"""

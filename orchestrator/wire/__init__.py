"""Domain values to protobuf messages and back. A message never travels further than this package and the two ends
of a call: the client and the gateway's service.

requests    a `Chat` and its request id, checked
answers     events, whole answers, models
usage       what a key has used
status      errors
limits      what may be asked at all
"""

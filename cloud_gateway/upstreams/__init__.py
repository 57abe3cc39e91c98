"""The model servers behind the gateway.

server      one of them, over HTTP
formats/    what they speak
faults      what goes wrong with them, as our errors
"""

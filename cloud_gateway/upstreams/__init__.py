"""The model servers behind the gateway.

pool          all of them: one is chosen, and where it fails another one takes over
member        one of them as the pool sees it; breaker, retry_budget, sliding_sum: what holds it back
balance       who is asked; affinity, by acquaintance
relay         one answer over several of them; hedge, over two at once; first_token, when that is worth it
server        one of them, over HTTP; reader and event_stream, what it sends
answer        what becomes of an answer's parts; stops, where it ends
formats/      what they speak
faults        what goes wrong with them, as our errors
"""

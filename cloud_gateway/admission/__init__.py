"""Who may ask now, who waits, and who is told at once to come back later.

gate        calls: at the door, before a message is decoded
lag         how far behind the process is
admission   runs: a bounded number of them, and a bounded queue
queue       in what order those who wait are served: fairly between tenants
pace        how long answers take, as measured
"""

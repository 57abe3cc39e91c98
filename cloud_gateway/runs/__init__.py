"""Answers under way and answers finished, apart from whoever asked for them.

A run is one answer: it is asked for once and billed once, and any number of callers may follow it from any place. It
outlives its followers for a while, so that a connection that broke can be taken up again.

fingerprint what tells one chat from another
text        the text of an answer while it grows, read from any place
run         one answer, and those who read it
kept        finished answers, bounded in time, number and bytes
runs        all of a process: who follows what, and when a run ends
"""

from cloud_gateway.runs.run import Id
from cloud_gateway.runs.runs import Runs, Source

__all__ = ["Id", "Runs", "Source"]

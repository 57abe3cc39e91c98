"""Answers under way and answers finished, apart from whoever asked for them.

A run is one answer: it is asked for once and billed once, and any number of callers may follow it from any place. It
outlives its followers for a while, so that a connection that broke can be taken up again.

fingerprint what tells one chat from another
text        the text of an answer while it grows, read from any place
run         one answer, and those who read it
kept        finished answers, bounded in time, number and bytes
turn        a gateway's turn at writing an answer; most answers have one
runs        all of a process: who follows what, and when a run ends

Where several gateways share them:

sharing     who of them writes a run, and who reads it
records     a run's record in Redis
scripts     what Redis does with it, as one step
lead        the turn of the one that writes: what it noted, and what it may show
journal     everything that a process writes down, gathered
mirrors     everything that it reads, gathered
"""

from cloud_gateway.runs.run import Id
from cloud_gateway.runs.runs import Runs
from cloud_gateway.runs.sharing import Sharing
from cloud_gateway.runs.turn import Source, Turn

__all__ = ["Id", "Runs", "Sharing", "Source", "Turn"]

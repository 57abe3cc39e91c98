"""Words that tell nothing by themselves: whoever sees one of them learns nothing of a record that has it, too.

The list is short on purpose. A word that is not in it counts as distinctive, and what is doubtful stays at home.
"""

from __future__ import annotations

from typing import Final

_GRAMMAR = """
a about above across after again against all along already also although always am among an and another any anybody
anyone anything are aren't around as at away back be because been before behind being below beside between beyond both
but by can can't cannot could couldn't did didn't do does doesn't doing don't done down during each either else enough
even ever every everybody everyone everything except few for from further given had has have having he her here hers
herself him himself his how however i if in indeed instead into is isn't it its itself just least less let like many may
maybe me might mine more most much must my myself near neither never next no nobody none nor not nothing now of off
often on once one ones only onto or other others our ours ourselves out over own per perhaps quite rather really same
several shall she should shouldn't since so some somebody someone something sometimes soon still such than that the
their theirs them themselves then there therefore these they this those though through throughout thus till to together
too toward towards two under unless until up upon us usually very via was we well were what whatever when whenever where
wherever whether which while who whoever whole whom whose why will with within without won't would yes yet you your
yours yourself based considering despite including regarding according d ll m re s t ve
"""
_LIGHT = """
able add advice allow allowed answer ask avoid bad become begin best better big bring buy call careful cause change
check choose choice come common compare consider contain cost day days decide describe different difference difficult
easy end example examples explain fact facts far fast fewer find first follow full general generally get give go
going good great group happen hard hear help high hour hours idea ideas important include interesting keep kind kinds
know large last late later lead learn leave left light list little live long look lot low main make matter mean means
mention minute minutes month months name need new nice normal number old open option options order organization part
particular people person pick place plan please point possible probably problem problems put question quick quickly
quiet read reason reasons recommend right risk run safe safely say see seem send set short show side simple small
sort start step steps stop strong suggest suggestion sure take talk tell thing things think time times tip tips today
tomorrow tonight top true try turn type types typical understand use used useful usual want way ways week weeks word
words work world worry worst write wrong year years yesterday young child children parent partner relative friend
"""

COMMON_WORDS: Final = frozenset((_GRAMMAR + _LIGHT).split())
"""Lower case. All that a stand-in is made of is among them."""

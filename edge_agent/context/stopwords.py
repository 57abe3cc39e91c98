"""Words of a question that say nothing about which record is meant."""

from __future__ import annotations

_FUNCTION_WORDS = """
a an the this that these those there here it its he she they him her his hers their theirs one ones who whom whose
what which when where why how i me my mine myself we us our ours ourselves you your yours yourself
am is are was were be been being do does did done doing have has had having can could will would shall should may might
must ought and or but nor so if then than as of at by for from in into on onto off out over under to with without about
after before again against between during through until up down via per near
not no nor any all both each every few more most much many other another some such only own same too very just also even
still yet already ever never now ago back away else quite really maybe
s t d m ll re ve don doesn didn isn aren wasn weren won wouldn shouldn couldn hasn haven
"""

_LIGHT_WORDS = """
get gets got getting go goes going went gone come comes came coming make makes made making take takes took taken taking
give gives gave given giving put puts say says said tell tells told telling ask asks asked know knows knew known show
shows find finds found see sees saw seen look looks need needs needed want wants wanted like likes let lets use used
using think thinks keep keeps happen happens happened happening please thanks thank hello hi hey ok okay well anything
something everything nothing anybody somebody everyone someone thing things kind sort lot long far old big good
explain describe define write draft summarise summarize translate list recommend suggest help remind check
time date day next last upcoming soon
"""

STOP_WORDS: frozenset[str] = frozenset(_FUNCTION_WORDS.split() + _LIGHT_WORDS.split())

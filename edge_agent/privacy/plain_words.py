"""Words with a capital that say little: names that are plain words, too, and what all the world speaks of."""

from __future__ import annotations

from typing import Final

_GIVEN: Final = """
abbey ace amber angel april art ash august aurora autumn bay bear bee bill blaze bob booker brand brook buck bud carol
chance charity chase chip clay cliff cloud colt coral crystal daisy dale dash dawn dean destiny dick dob dot drew duke
earl eden ella ember faith fern flora forest frank gale gay gene genesis ginger glen glory grace grant guy harmony
harper harry hazel heath heather heaven herb holly honey hope hunter iris iron ivory ivy jack jade jasper jay jean
jerry jewel jimmy josh joy june justice king kit lane laurel lee liberty lily lotus love luck mac major marina mark
marsh mason matt may melody mercy merry mike mile miles misty mo myrtle nick noble noel norm olive opal ozzy pansy pat
patience pearl peg penny pepper pete petra peter phoenix piper poppy pot prince queen rain ray red reed reef rich
river rob robin rocky rod rose rowan ruby rue rusty sage sally sandy scout serenity sky skip solo sonny spencer star
sterling stone storm sue summer sunny tab tad temple terry theo tiger timothy tom toni trace trinity trip troy tucker
victor viola violet wade wally warren wayne will willow wolf woody wren young
"""
_FAMILY: Final = """
abbot archer baker ball banks barber barker bell berry best birch bird bishop black blank blue bond booth bow bowler
boy branch bridge bridges brook brooks brown brush bull burns bush butcher butler buy camp cannon card carpenter
carter case chambers chapel clerk cloud coach coffey cole college cook cooper cope cotton court cox crane cross crow
curry day deal decker dickens dove drake driver dyer eagle east english farmer field fields finch fish fisher fishman
flag flowers flynn foot ford foster fountain fowler fox franks freed freeman french frost fuller gamble garden
gardener german gold golden goldsmith goodman grave graves gray green greens grey grove hall ham hammer hand hardy
hare hart hawk hay hays head held hicks high hill hills hogs holiday holland holmes hood horn house hunt jordan judge
keen key keys kidd kind knight knowles lake lamb law leach leaf legend light little lock long longer low mack man
manning march marks marshall martin masters mill miller mills moon moore moss mound mountain nail new newman nice noon
north oaks pace page paine painter paris park parker parks parsons peace peacock peck pepper perry piper pitt plant
plumber pollock pond pool poor pope porter post potter potts pound powers price priest pride pump quick rains ranger
read reader reeds rice ring rivers roads rock rod roman root rows rush russell rust sailor salmon saw school seal self
sellers shepherd sharp shaw shell ship shoemaker shore short silver simple singer slack small smart smith snow song
south speaker spear spring sparks stack stable steel steele still stock stout strange street strong sugar swan sweet
swift tailor tanner taylor teller thorn thorpe tidy tower town towns trees trout truman turner underwood vale violet
voice wagner walker wall walls ward ware washington waters weaver webb weeks well wells west wheat wheeler whistler
white wilder winter winters wise wish wood woods wright yard
"""
_ELSEWHERE: Final = """
klein gross groß lang kurz schwarz weiss weiß braun roth rot gruen grün koch fischer bauer schmied schneider richter
vogel wolf fuchs baum berg bach stein wald stern sommer winter herbst frei ernst engel keller kaiser graf herzog adler
sohn vater mutter blanc brun petit grand roy leroy martin fleur marie rosa bianca bruno dolores mercedes sol luz
angeles cruz rey reina leon paz santos costa rocha silva campo ramos flores rojas blanco moreno delgado
"""
_PEOPLE: Final = """
mom mum mama dad papa mother father brother sister grandma grandpa granny aunt uncle cousin boss landlord landlady
doctor dentist plumber electrician babysitter nanny neighbour neighbor teacher coach friend husband wife partner
office home work mobile emergency unknown me myself user assistant agent you
"""

_CALENDAR: Final = """
january february march april may june july august september october november december monday tuesday wednesday
thursday friday saturday sunday easter christmas xmas halloween thanksgiving ramadan hanukkah diwali januar februar
märz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag sonntag ostern weihnachten
"""
_WORLD: Final = """
africa america asia europe australia antarctica atlantic pacific mediterranean arctic afghanistan albania algeria
argentina armenia austria azerbaijan bangladesh belarus belgium bolivia bosnia brazil britain bulgaria cambodia
cameroon canada chile china colombia croatia cuba cyprus czechia denmark dominican ecuador egypt england estonia
ethiopia finland france georgia germany ghana greece guatemala haiti honduras hungary iceland india indonesia iran
iraq ireland israel italy jamaica japan kazakhstan kenya korea kosovo kuwait laos latvia lebanon libya lithuania
luxembourg macedonia malaysia malta mexico moldova monaco mongolia montenegro morocco myanmar nepal netherlands
zealand nicaragua nigeria norway pakistan palestine panama paraguay peru philippines poland portugal qatar romania
russia rwanda arabia scotland senegal serbia singapore slovakia slovenia somalia spain lanka sudan sweden switzerland
syria taiwan tanzania thailand tunisia turkey uganda ukraine emirates kingdom states uruguay uzbekistan venezuela
vietnam wales yemen zambia zimbabwe amsterdam athens bangkok barcelona beijing berlin bern boston brussels budapest
cairo chicago cologne copenhagen delhi dubai dublin edinburgh florence frankfurt geneva hamburg havana helsinki
istanbul jakarta jerusalem kyiv lima lisbon london madrid manila melbourne miami milan montreal moscow mumbai munich
münchen naples nairobi oslo paris prague rome santiago shanghai seattle seoul stockholm sydney tokyo toronto venice
vienna warsaw zurich zürich york california florida texas angeles francisco bavaria european american african asian
british english french german spanish italian chinese japanese korean russian portuguese polish dutch swedish danish
norwegian finnish greek turkish arabic hebrew hindi latin irish scottish swiss austrian mexican brazilian indian
canadian australian christian muslim jewish catholic buddhist google apple microsoft amazon facebook instagram twitter
youtube netflix spotify linkedin whatsapp android windows linux iphone ipad excel word powerpoint outlook gmail python
java javascript docker github wikipedia internet bluetooth covid vitamin aspirin ibuprofen paracetamol internet email
january
"""

PLAIN_WORDS: Final = frozenset(f"{_GIVEN} {_FAMILY} {_ELSEWHERE} {_PEOPLE}".split())
"""Names, too: "Mark", "Grace", "Bill". Without a capital they are not, nor where a sentence begins."""
MONTHS: Final = frozenset(("april", "may", "june", "august", "mai", "juni", "juli"))
"""Names as well: not behind "in" or before a number."""
EVERYBODYS: Final = frozenset(f"{_CALENDAR} {_WORLD}".split()) | PLAIN_WORDS
"""Rare among somebody's records, maybe, and still no trace of them."""

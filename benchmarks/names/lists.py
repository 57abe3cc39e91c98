"""Words that values are made of: Faker's locales, forms of address, jobs, firms, countries, parts of streets' names."""

from __future__ import annotations

from typing import Final


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())


LOCALES: Final = _lines("""
ar_EG, az_AZ, bg_BG, bn_BD, cs_CZ, da_DK, de_AT, de_CH, de_DE, el_GR, en_AU, en_CA, en_GB, en_IE, en_IN, en_KE, en_NZ
en_US, es_AR, es_CL, es_CO, es_ES, es_MX, et_EE, fa_IR, fi_FI, fil_PH, fr_BE, fr_CA, fr_CH, fr_FR, ga_IE, ha_NG
he_IL, hi_IN, hr_HR, hu_HU, hy_AM, id_ID, ig_NG, is_IS, it_IT, ja_JP, ka_GE, ko_KR, lt_LT, lv_LV, ne_NP, nl_BE, nl_NL
no_NO, pl_PL, pt_BR, pt_PT, ro_RO, ru_RU, sk_SK, sl_SI, sv_SE, sw, ta_IN, th_TH, tr_TR, tw_GH, uk_UA, vi_VN, yo_NG
zh_CN, zh_TW, zu_ZA
""")
"""Of Faker."""
FORMS: Final = _lines(
    "Mr.,Mr.,Mrs.,Mrs.,Ms.,Ms.,Dr.,Dr.,Mr,Mrs,Ms,Dr,Miss,Prof.,Professor,Sir,Herr,Frau,Mme,Señor,Rev."
)
PARTICLES: Final = _lines("van,van der,de,von,di,da,del,dos,bin,al,O',Mc,le,la,ten")
RANKS: Final = _lines("senior,junior,assistant,chief,head,deputy,lead,regional,trainee,associate,principal,staff,night")
JOBS: Final = _lines("""
accountant, actuary, analyst, architect, art teacher, auditor, baker, barista, bartender, biologist, bookkeeper
bricklayer, bus driver, butcher, buyer, carpenter, cashier, chef, chemist, civil engineer, claims adjuster, cleaner
clerk, coach, computer systems administrator, construction manager, cook, copywriter, counsellor, court reporter
customer service agent, data entry clerk, data scientist, database administrator, dental hygienist, dentist, designer
director, dispatcher, doctor, economist, editor, electrician, elevator installer, engineer, event planner
executive assistant, farmer, film editor, financial adviser, firefighter, fisherman, flight attendant, florist
forklift operator, gardener, geologist, glazier, graphic designer, hairdresser, health educator, housekeeper
human resources manager, illustrator, insurance agent, interior designer, interpreter, janitor, journalist, judge
laboratory technician, landscaper, lawyer, lecturer, librarian, line cook, loan officer, locksmith
logistics coordinator, machinist, mail carrier, maintenance worker, managing director, marine biologist
marketing manager, massage therapist, mechanic, mechanical engineer, medical assistant, meteorologist, midwife
mining engineer, museum guide, musician, nurse, nursing aide, nutritionist, office manager, operations manager
optician, painter, paralegal, paramedic, parking attendant, pastry chef, payroll clerk, personal trainer, pharmacist
photographer, physicist, physiotherapist, pilot, pipe fitter, plumber, police officer, policy adviser, porter
postman, printer, probation officer, producer, product manager, professor, programmer, project manager, psychologist
public relations specialist, purchasing agent, quality inspector, radiographer, railway guard, real estate agent
receptionist, recruiter, research assistant, retail manager, roofer, sailor, sales director, sales representative
school principal, seamstress, secretary, security guard, ship's captain, shop assistant, social worker
software developer, solicitor, sound technician, statistician, stock broker, store manager, surgeon, surveyor, tailor
tax inspector, taxi driver, teacher, teaching assistant, technical writer, telephone operator, tour guide
town planner, traffic warden, training and development manager, translator, travel agent, truck driver, tutor
upholsterer, urban planner, usher, veterinarian, waiter, warehouse manager, watchmaker, web developer, welder
window cleaner, writer, youth worker, zoologist
""")
FIRMS: Final = _lines("""
Microsoft, Google, Apple, Amazon, Siemens, Bosch, Toyota, Nestlé, IKEA, Spotify, Netflix, Airbus, Boeing, Ford, Tesla
Intel, IBM, Oracle, SAP, Samsung, Sony, Nokia, Ericsson, Vodafone, Shell, BP, Unilever, Danone, Renault, Volvo
Volkswagen, BMW, Deutsche Bank, HSBC, Barclays, Goldman Sachs, JPMorgan Chase, Wells Fargo, Visa, Mastercard, PayPal
Stripe, Uber, Lyft, Airbnb, Walmart, Target, Costco, Aldi, Lidl, Tesco, Carrefour, Starbucks, McDonald's, Burger King
Coca-Cola, Pepsi, Lego, Disney, Warner Bros., BBC, CNN, Reuters, The Guardian, Harvard, Oxford University Press, MIT
NASA, UNESCO, WHO, NATO, EU, United Nations, Red Cross, Greenpeace, Amnesty International, World Bank, Lufthansa
Ryanair, Air France, Delta Air Lines, FedEx, UPS, DHL, Pfizer, Bayer, Novartis, Roche, Johnson & Johnson
Procter & Gamble, General Electric, 3M, Philips, Adobe, Salesforce, Dropbox, Slack, Zoom, GitHub, Mozilla, Nvidia
AMD, Dell, HP, Lenovo, Huawei, Alibaba, Tencent, Baidu, Infosys, Tata Motors, Petrobras, Gazprom, Maersk, Heineken
Carlsberg, Adidas, Nike, Puma, Zara, H&M, Gucci, Prada, Rolex, Allstate
""")
COUNTRIES: Final = _lines("""
Afghanistan, Albania, Algeria, Andorra, Angola, Argentina, Armenia, Australia, Austria, Azerbaijan, Bahamas, Bahrain
Bangladesh, Barbados, Belarus, Belgium, Belize, Benin, Bhutan, Bolivia, Botswana, Brazil, Brunei, Bulgaria
Burkina Faso, Burundi, Cambodia, Cameroon, Canada, Cape Verde, Chad, Chile, China, Colombia, Congo, Costa Rica
Croatia, Cuba, Cyprus, Czech Republic, Czechia, Denmark, Djibouti, Dominican Republic, Ecuador, Egypt, El Salvador
England, Eritrea, Estonia, Ethiopia, Fiji, Finland, France, Gabon, Gambia, Georgia, Germany, Ghana, Great Britain
Greece, Greenland, Grenada, Guatemala, Guinea, Guyana, Haiti, Honduras, Hong Kong, Hungary, Iceland, India, Indonesia
Iran, Iraq, Ireland, Israel, Italy, Ivory Coast, Jamaica, Japan, Jordan, Kazakhstan, Kenya, Kosovo, Kuwait
Kyrgyzstan, Laos, Latvia, Lebanon, Lesotho, Liberia, Libya, Liechtenstein, Lithuania, Luxembourg, Madagascar, Malawi
Malaysia, Maldives, Mali, Malta, Mauritania, Mauritius, Mexico, Moldova, Monaco, Mongolia, Montenegro, Morocco
Mozambique, Myanmar, Namibia, Nepal, Netherlands, the Netherlands, New Zealand, Nicaragua, Niger, Nigeria
North Korea, North Macedonia, Northern Ireland, Norway, Oman, Pakistan, Palestine, Panama, Papua New Guinea, Paraguay
Peru, Philippines, Poland, Portugal, Puerto Rico, Qatar, Romania, Russia, Rwanda, Samoa, Saudi Arabia, Scotland
Senegal, Serbia, Sierra Leone, Singapore, Slovakia, Slovenia, Somalia, South Africa, South Korea, South Sudan, Spain
Sri Lanka, Sudan, Suriname, Sweden, Switzerland, Syria, Taiwan, Tajikistan, Tanzania, Thailand, Togo, Tonga
Trinidad and Tobago, Tunisia, Turkey, Turkmenistan, Uganda, Ukraine, United Arab Emirates, United Kingdom, UK
United States, United States of America, USA, U.S., Uruguay, Uzbekistan, Venezuela, Vietnam, Wales, Yemen, Zambia
Zimbabwe, Deutschland, España, Österreich, Schweiz, Italia, Polska, Sverige, Norge, Danmark, Suomi, Brasil, México
Ελλάδα, Россия
""")
STATES: Final = _lines("""
Alabama, Alaska, Arizona, California, Colorado, Florida, Georgia, Hawaii, Idaho, Illinois, Indiana, Iowa, Kansas
Kentucky, Louisiana, Maine, Maryland, Massachusetts, Michigan, Minnesota, Mississippi, Missouri, Montana, Nebraska
Nevada, Ohio, New Hampshire, New Jersey, New Mexico, New York, North Carolina, North Dakota, Oklahoma, Oregon
Pennsylvania, Texas, Utah, Rhode Island, South Carolina, South Dakota, Tennessee, Vermont, Virginia, Washington
Wisconsin, Wyoming, Bavaria, Ontario, Quebec, Queensland, Victoria, Tasmania, Catalonia, Tuscany, Kent, Surrey
Cornwall, Yorkshire, Normandy, Hokkaido, Punjab
""")
STATE_CODES: Final = _lines("""
AL, AK, AZ, CA, CO, CT, FL, GA, HI, IA, ID, IL, IN, KS, KY, LA, MA, MD, ME, MI, MN, MO, MS, MT, NC, ND, NE, NH, NJ
NM, NV, NY, OH, OK, OR, PA, RI, SC, SD, TN, TX, UT, VA, VT, WA, WI, WV, WY, ON, QC, BC, AB, NS, NSW, VIC, QLD, TAS
WA, SP, RJ, MG, BA, TO, MI, RM, NA, ZH, BE, GE, VD, LI, LN, MD, CN, 32, 67, 75, V, M, B, nan
""")
NATIONALITIES: Final = _lines("""
Afghan, African, Albanian, Algerian, American, Arab, Argentine, Argentinian, Armenian, Asian, Australian, Austrian
Azerbaijani, Bangladeshi, Basque, Belarusian, Belgian, Belizean, Bolivian, Bosnian, Brazilian, British, Bruneian
Bulgarian, Burmese, Cambodian, Cameroonian, Canadian, Catalan, Chechen, Chilean, Chinese, Colombian, Congolese
Cornish, Croatian, Cuban, Cypriot, Czech, Danish, Dominican, Dutch, Ecuadorian, Egyptian, English, Eritrean, Estonian
Ethiopian, European, Fijian, Filipino, Finnish, Flemish, French, Georgian, German, Ghanaian, Greek, Greenlandic
Guatemalan, Haitian, Hawaiian, Honduran, Hungarian, Icelandic, Indian, Indonesian, Iranian, Iraqi, Irish, Israeli
Italian, Jamaican, Japanese, Jewish, Jordanian, Kazakh, Kenyan, Korean, Kurdish, Kuwaiti, Laotian, Latino, Latvian
Lebanese, Liberian, Libyan, Lithuanian, Macedonian, Malaysian, Maltese, Maori, Mexican, Moldovan, Mongolian, Moroccan
Muslim, Namibian, Nepalese, Nicaraguan, Nigerian, Norwegian, Pakistani, Palestinian, Panamanian, Paraguayan, Persian
Peruvian, Polish, Portuguese, Quebecois, Romanian, Russian, Rwandan, Samoan, Saudi, Scottish, Senegalese, Serbian
Sicilian, Singaporean, Slovak, Slovenian, Somali, South African, Spanish, Sri Lankan, Sudanese, Swedish, Swiss
Syrian, Taiwanese, Tanzanian, Thai, Tibetan, Tunisian, Turkish, Ugandan, Ukrainian, Uruguayan, Uzbek, Venezuelan
Vietnamese, Welsh, Yemeni, Zambian, Zimbabwean, Catholic, Protestant, Christian, Buddhist, Hindu, Sikh, Mormon
Republican, Democrat, Socialist, Brit, Swede, Dane, Finn, Pole, Scot, Spaniard
""")
BEGINNINGS: Final = _lines("""
data, karma, civi, open, health, legi, info, medi, solar, flight, zill, lock, street, credit, sig, pred, opt, nume
cloud, walk, green, blue, red, quick, smart, urban, loop, farm, wave, sky, north, plot, weather, learn, school, home
trade, fin, pay, tele, auto, bio, geo, eco, agri, climate, energy, nav, map, rank, social, crowd, work, job, hire
rent, estate, park, ride, ship, cargo, food, recip, shop, price, tax, law, court, vote, gov, labs, syn, inter, trans
micro, macro, meta, omni, uni, pan, nano, neo, vita, luma, nova, aero, hydro, thermo, photo, mystic, xig, quor, zeph
vant, brill, calc, dema, enig, fact, graph, hyper, ideo, jump, kine, lumi, mob, nex, orbi, pulse, quanta, rapid, sol
terra
""")
ENDINGS: Final = _lines("""
ly, ify, ware, logic, metrics, lytics, works, labs, soft, tech, net, base, hub, box, wise, data, score, stop, watch
map, link, point, path, bank, mint, sense, scape, sphere, stream, storm, force, field, view, vision, wire, web, zone
verse, nomy, matic, tron, ron, ix, ex, io, ia, ium, us, era, ora, ico, ivo, endo, ado, ance, ent, gram, graph, phone
cast, craft, desk, drive, flow, forge, grid, guard, keeper, kit, mart, mine, ocity
""")
TAILS: Final = _lines("""
Inc, Inc., LLC, Ltd, Ltd., Corp, Corporation, Group, Partners, Technologies, Systems, Solutions, Services, Associates
Holdings, Bank, Insurance, Software, Consulting, GmbH, AG, S.A., SpA, AB, Oy, B.V., Incorporated, Company, Co., PLC
and Sons, Foundation, Institute, Media, Networks, Analytics, Capital, Ventures, Labs, Studios, Energy, Finance
Movers, Investments, International, Insurance Group
""")
TRADES: Final = _lines("""
Golden, Civic, Rapid, Clean, Power, Social, Health, Expert, Public, Standard, Global, Legal, Urban, Digital, Open
Smart, First, National, United, Western, Pacific, Atlantic, Northern, Summit, Pioneer, Liberty, Heritage, Insight
Insights, Impulse, Helix, Cycle, Balance, Compass, Harbor, Bridge, Anchor, River, Stone, Oak, Maple, Cedar, Eagle
Falcon, Bear, Lion, Wolf, Star, Moon, Sun, Data, Network, Research, Economic, Environmental, Resources, Medical, Care
Pharma, Dental, Marine, Auto, Motor, Steel, Paper, Print, Press, Design, Fashion, Home, Garden, Kitchen, Bakery
Coffee, Tea, Wine, Brewing, Foods, Farms, Fresh, Organic, Travel, Tours, Airlines, Express, Logistics, Freight
Lending, Credit, Trust, Mutual, Equity, Asset, Risk, Compliance, Score, Walk, Street, Life, Family, Kids, Pet, Animal
Music, Film, Game, Learning, School, Tutor, Talent, Career, Staffing, Security, Safety, Fire, Water, Wind, Solar
Light, Electric, Gas, Oil, Mining, Overture, Cascade, Horizon, Zenith, Vertex, Apex, Nimbus, Cobalt, Crimson, Silver
Amber, Round, Stones, Red, Ball, American, Berkshire
""")
STREET_WORDS: Final = _lines("""
Main, High, Church, Park, Mill, Station, Victoria, Green, Manor, Kings, Queens, Oak, Maple, Cedar, Pine, Elm, Lake
Hill, River, Forest, Spring, Linden, Haupt, Bahnhof, Schul, Garten, Kirch, Berg, Wald, Storgatan, Mannerheim, Kossuth
Rákóczi, Petőfi, Vasa, Drottning, Kungs, Nygård, Strand, Molen, Dorps, Kerk, Stations, Hoofd, Garibaldi, Roma, Verdi
Libertad, Colón, Mayor, Sol, République, Victor Hugo, Pasteur, Moulin, Kościuszki, Mickiewicza, Jana Pawła II
Masarykova, Palackého, Sunset, Washington, Jefferson, Lincoln, Martin Luther King, Broad, 1st, 2nd, 3rd, 4th, 5th
12th, 42nd, Penn, Market, Canal, Harbour, Castle, Abbey, Priory, Orchard, Meadow, Highland, Bellevue, Redbud
""")
ROADS_AFTER: Final = _lines("""
Street, St, St., Road, Rd, Rd., Avenue, Ave, Ave., Lane, Ln, Drive, Dr, Place, Pl, Court, Ct, Close, Crescent
Terrace, Way, Boulevard, Blvd, Square, Sq, Parade, Grove, Gardens, Hill, Row, Mews, Highway, Hwy, Parkway, Circle
Loop, Trail, Walk, Plaza, Mall, Crossing, Bypass, Bridge, Manors, Points, Forks, Turnpike, Route, Gateway, Str.
Strasse, Straße, u., út, utca, tér, ulica, cesta, tie, vej, gata, katu, Rise, Dam, Port
""")
ROADS_BEFORE: Final = _lines("""
Rue, Rue de, Rue du, Avenue de, Avenue des, Boulevard, Place, Via, Via delle, Viale, Piazza, Strada Provinciale
Vicolo, Corso, Calle, Avenida, Av., Plaza, Paseo, Paseo del, C/, Camino, Ronda, Rua, R, Travessa, Largo, ul., al.
os., pl., Calea, Strada, Str., Am, An der, Im, Zur, Alte, Chemin, Chemin de, Quai, Allée, Impasse, Carrer, Jalan, Jl.
ulitsa, Nábřeží, Náměstí, Cesta, Leof.
""")
ROADS_GLUED: Final = _lines("""
straße, strasse, str., weg, gasse, platz, allee, damm, ufer, ring, vej, gade, vegen, veien, gata, gatan, vägen, väg
stigen, katu, tie, kuja, polku, straat, laan, plein, gracht, dijk, kade, singel, braut, vegur, gerði, utca, stræde
allé, torget, bakken, tunet, brinken, ring
""")
MONTHS: Final = _lines("January,February,March,April,May,June,July,August,September,October,November,December")
DAYS: Final = _lines("Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday")
DAYS_GERMAN: Final = _lines("Montag,Dienstag,Mittwoch,Donnerstag,Freitag,Samstag,Sonntag")

"""The words of the made-up news: common English words and invented names, by kind and class."""


def _words(text: str) -> list[str]:
    return text.split()


CLASSES = ("World", "Sports", "Business", "Sci/Tech")

# Topics of each class. A word in two or three of the lists is not conclusive.
SUBJECTS: dict[str, str] = {
    "World": """
        minister president parliament army rebels envoy voters police government opposition
        protesters troops embassy senate coalition refugees diplomats court judge officials
        mayor border-guards monitors militia cabinet villagers negotiators prosecutors union
        leaders
    """,
    "Sports": """
        striker goalkeeper coach captain champion team club rookie referee fans sprinter pitcher
        league defender squad swimmer rivals keeper veteran quarterback hosts visitors skipper
        union officials leaders champions judge boxer crowd
    """,
    "Business": """
        shares bank retailer investors airline insurer analysts oil profits chairman regulators
        brokers exporters board union carmaker creditors traders grocer court officials leaders
        company shareholders lender builders manufacturer judge market economists
    """,
    "Sci/Tech": """
        researchers software satellite telescope engineers browser chip scientists hackers probe
        robot startup developers astronomers users phone regulators company network lab
        biologists server judge court officials console gadget researchers programmers leaders
    """,
}
VERBS: dict[str, str] = {
    "World": """
        condemns visits elects attacks frees accuses evacuates backs rejects blocks meets warns
        suspends leaves wins loses signs seizes shells opens
    """,
    "Sports": """
        beats scores-against draws-with outplays signs benches defeats injures stuns wins loses
        trains chases suspends opens leaves meets backs holds crushes
    """,
    "Business": """
        buys sells lifts cuts acquires fines raises-price-of beats signs rejects opens trims
        drops doubles sues backs leaves hires warns outbids
    """,
    "Sci/Tech": """
        launches discovers patches upgrades tests infects maps downloads unveils opens blocks
        sues finds scans warns powers beats attacks tracks prints
    """,
}
OBJECTS: dict[str, str] = {
    "World": """
        ceasefire election treaty hostages border sanctions talks summit resolution curfew
        bombing capital ballot aid convoy refugee-camp strike record deal vote crisis attack
        pipeline budget security
    """,
    "Sports": """
        final title season goal penalty match medal record cup playoff contract injury race
        tournament trophy draw deal strike victory transfer crown defence attack record innings
        stadium
    """,
    "Business": """
        merger profit quarter dividend bid takeover forecast loan stake deal record budget
        strike prices jobs bankruptcy contract debt tariff pipeline supply exports outlook
        software stock
    """,
    "Sci/Tech": """
        virus orbit gene spacecraft search-engine code comet patent vaccine laptop signal
        security network record deal software launch fossil battery attack update wireless pixel
        contract supply
    """,
}
CONTEXTS: dict[str, str] = {
    "World": """
        amid-fears-of-war after-a-night-of-clashes in-a-divided-province before-the-vote
        under-heavy-guard at-an-emergency-session despite-protests along-the-disputed-river
        in-a-rare-speech as-crowds-gather after-weeks-of-talks
    """,
    "Sports": """
        in-extra-time before-a-sellout-crowd at-the-weekend after-the-break on-home-turf
        with-a-late-winner in-the-semifinal despite-a-knee-problem as-crowds-gather
        after-weeks-of-talks in-a-rare-upset
    """,
    "Business": """
        in-early-trading on-higher-costs after-weak-sales as-demand-slows in-a-cash-transaction
        despite-protests before-the-holiday-quarter on-the-exchange after-weeks-of-talks
        in-a-rare-reversal as-margins-shrink
    """,
    "Sci/Tech": """
        in-a-laboratory-study over-the-internet with-a-new-sensor in-low-orbit on-older-machines
        for-home-users in-a-rare-experiment under-the-microscope despite-protests
        after-weeks-of-tests at-a-computer-fair
    """,
}
ADJECTIVES = _words("""
        big small new old long quiet sudden strong weak early late surprising expected costly
        public final open close major minor national local young rising tired careful hopeful
    """)
OPENERS = _words("""
        officials-said reports-say it-was-announced sources-said as-expected once-again
        for-the-first-time-this-year in-a-statement for-now at-last on-short-notice
    """)
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

GIVEN_NAMES = _words("""
        Anna Boris Clara David Elena Frank Greta Hugo Irene Jonas Karin Leon Marta Nikolai Olga
        Peter Rosa Simon Tanya Viktor Wanda Yusuf Zora
    """)
FAMILY_NAMES = _words("""
        Adlerby Brontek Calvane Dorsett Elmhurst Fenwright Gorlan Hartwell Ivarson Jansky
        Kelmore Lindqvar Morrow Norvell Ostrander Pelham Quillan Rusk Stavely Torvin Umber
        Vasker Winslade Yardley Zeller
    """)
CITIES = _words("""
        Arvenport Belmora Carvale Dunhaven Eastmere Farholm Glenmar Harrowgate Istrava Jorvale
        Kestrel-Bay Lorimond Marenza Northwick Oldbridge Portavel Quarrytown Ravensmoor
        Silverford Tallinvar
    """)
COUNTRIES = _words("Aldoria Brenland Corvania Drevia Estmark Florenia Gravonia Hestland")
FIRMS = _words("""
        Axiom Bluefin Corvex Datalune Everline Foxglove Granite Helix Ironwood Juniper Keystone
        Lumen Meridian Northstar
    """)
PEOPLES = _words("Aldorian Brenlandic Corvanian Drevian Estmarker Florenian Gravonian Hestlander")
EVENTS = _words("""
        Harvest-Cup Winter-Games River-Marathon Lantern-Festival Autumn-Prize Star-Trophy
        Coast-Rally
    """)

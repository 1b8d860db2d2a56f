# ruff: noqa: E501 - tables of words
"""Words whose exchange keeps the meaning of a question. Closed lists: what is not here tells questions apart.

A word belongs here only when no question is known in which the exchange changes what is asked. That is why
`big` and `large`, `doctor` and `physician`, `show` and `contain` are not.
"""

from __future__ import annotations

BE = frozenset("is are was were".split())
AUXILIARIES = BE | frozenset(
    "be been being am do does did has have had can could may might must shall should will would".split()
)
DETERMINERS = frozenset("the this that these those a an its his her their my your our".split())
RELATIVES = frozenset(
    "that which who whom whose where when why how what if whether because although while than as".split()
)
PREPOSITIONS = frozenset(
    "about above across after against along among around as at before behind below beneath beside besides between "
    "beyond but by despite down during except excluding for from given if in including inside into like minus near of "
    "off on onto opposite out outside over past per plus since than through throughout till to toward towards under "
    "underneath unless unlike until up upon versus vs via when where while with within without".split()
)
NEGATIONS = frozenset(
    "no not never none neither nor nothing nobody nowhere hardly barely cannot without unless except only".split()
)

STARTS = frozenset(
    "what which who whom whose where when why how is are was were do does did has have had can could should would "
    "in on at the this that how's what's who's where's when's tell give calculate compute describe explain list "
    "summarize summarise there these those".split()
)
"""Words whose capital at the beginning says nothing. Not `may`, `will` and `mark`, which are names too."""

SAME_IN_SMALL = frozenset(
    "january february april june july september october november december monday tuesday wednesday thursday friday "
    "saturday sunday france germany italy spain portugal austria belgium denmark sweden norway finland ireland england "
    "scotland russia ukraine poland greece brazil argentina mexico canada australia india egypt nigeria kenya indonesia "
    "thailand vietnam europe africa asia paris london berlin madrid tokyo moscow beijing gdp usa pdf ct mri ocr gst dna rna ecg x-ray xray x-rays".split()
)
"""Words that mean the same with and without capitals. Not `US`, `IT`, `WHO`, `Polish` or `May`."""

SPELLINGS = {
    "color": "color", "colour": "color", "colors": "colors", "colours": "colors", "coloured": "colored",
    "grey": "gray", "centre": "center", "tumour": "tumor", "tumours": "tumors", "oedema": "edema",
    "haemorrhage": "hemorrhage", "anaemia": "anemia", "oesophagus": "esophagus", "behaviour": "behavior",
    "xray": "x-ray", "xrays": "x-rays", "labelled": "labeled", "organisation": "organization",
    "organisations": "organizations", "catalogue": "catalog", "fibre": "fiber", "fibres": "fibers",
}  # fmt: skip
NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(), start=2
    )
}
"""Not `one`, which is also a pronoun."""

ABOUT_WORDS = frozenset(
    "word words spell spelled spelling spelt say says said saying write writes written writing wrote read reads text "
    "texts letter letters term terms mean means meaning phrase phrases quote quotes quoted label labels labeled "
    "labelled title titled name names named call called caption captions character characters digit digits sentence "
    "string strings type typed abbreviation acronym initials sign signs printed print".split()
)
"""A question with one of these may be about how something is written: no word of it is exchanged."""

IMAGE_NOUNS = frozenset("image picture photo photograph".split())
IMAGE_WORDS = IMAGE_NOUNS | frozenset(
    "images pictures photos photographs painting paintings drawing drawings poster frame screenshot screen".split()
)
SHEET_NOUNS = frozenset(
    "chart graph plot diagram receipt invoice document page scan table map x-ray form".split()
)
"""What an image can be as a whole: `this chart` and `the chart` are one, when there is one image."""

WHICH_NOUNS = frozenset(
    "color shape year month weekday day date country city organ sport season side percentage".split()
)
"""`What year was` asks what `which year was` asks."""
SIZE_NOUNS = frozenset(
    "value number bar slice segment share percentage amount circle square triangle city country state".split()
)
"""`The biggest bar` is `the largest bar`; `the biggest artist` is not `the largest artist`."""
MEASURES = {"old": "age", "heavy": "weight", "wide": "width"}
"""`How old is the patient` is `what is the age of the patient`. Not `tall` and `long`: a height can be an altitude."""
SUPERLATIVES = frozenset(
    "largest biggest smallest tallest shortest longest highest lowest oldest youngest newest widest narrowest deepest "
    "heaviest lightest fastest slowest cheapest hottest coldest darkest brightest".split()
)
PLURALS = frozenset("people children men women patients cases items".split())
NOT_AFTER_ANY = frozenset(
    "one more less fewer other others better worse way body thing time longer further good of at in".split()
)
QUANTIFIERS = frozenset("every each all both most some either same only another".split())
FAULTS = frozenset(
    "error errors mistake mistakes wrong problem problems issue issues fault faults typo typos missing change changes "
    "difference differences odd unusual strange inconsistency flaw flaws defect defects bug bugs gap gaps".split()
)
"""An error `in the chart` may be one that the chart makes, or a value that it shows."""

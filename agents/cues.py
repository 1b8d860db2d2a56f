"""Cues: transparent patterns in a question's words, as plain rules and as features of the fitted heads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

MAX_CHARS = 2000
"""What a question asks for stands near its start; patterns need not crawl through pasted pages."""


@dataclass(frozen=True, eq=False)  # compared by identity: a table is a cache key on every call
class Cue:
    """A pattern that speaks for a label; `weight` is its vote when rules decide alone."""

    label: str
    weight: float
    pattern: re.Pattern[str]


_IMAGE_NOUN = r"(?:images?|pictures?|photos?|photographs?|scans?|films?|x-?rays?|radiographs?|shots?|frames?)"
_PEOPLE_NOUN = r"(?:woman|man|girl|boy|lady|guy|driver|person|owner|stranger|neighbou?r|people|she|he|they)"
_UNIT = (
    r"(?:met(?:er|re)s?|km|kilomet(?:er|re)s?|miles?|feet|foot|inch(?:es)?|yards?|cm|mm|kg|kilograms?|grams?"
    r"|mg|g|pounds?|lbs?|ounces?|lit(?:er|re)s?|ml|gallons?|°?\s?[cf]\b|celsius|fahrenheit|kelvin"
    r"|seconds?|minutes?|hours?|days?|weeks?|months?|years?|bits?|bytes?|kb|mb|gb"
    r"|kilobytes?|megabytes?|gigabytes?|hex(?:adecimal)?|binary|degrees?)"
)
_N = r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve|an?)"

_TABLE: tuple[tuple[str, float, str], ...] = (
    ("answer", 4.0, r"^\W*(?:what(?:'s| is)|calculate|compute|work out|evaluate|how much is|solve)?[\s\d(]*\d[\d\s.,()]*(?:[-+*/x×÷^%]|times|plus|minus|divided by|percent of|per cent of)\s*(?:of)?\s*[\d(]"),
    ("answer", 3.0, rf"\b(?:convert|turn|express)\b.*\d.*\b(?:to|into|in|as)\b|\b{_N}\s*{_UNIT}\b[^?.]{{0,40}}\b(?:in|to|into|makes?|is|are|equals?)\b[^?.]{{0,30}}\b{_UNIT}\b|\bhow many {_UNIT} (?:are|is|does|do|make|go)\b[^?]*\b{_N}?\s*{_UNIT}"),
    ("answer", 3.0, r"\b(?:square root|to the power of|percent of \d|\d+ ?% of|per ?cent of \d|average of \d|sum (?:up|of) \d|(?:add|subtract|multiply|divide|round)\b.*\d|half of \d|(?:quarter|third|tenth) of \d|\d (?:divided|multiplied) by)"),
    ("answer", 4.0, r"^\W*(?:hi|hello|hey|good (?:morning|evening|afternoon)|thanks?|thank you|cheers|great|perfect|okay|ok|bye|goodbye|much appreciated|that's all|that is all)\b(?!.*\?)"),
    ("answer", 4.0, r"\b(?:what|which|how|who)\b[^?]{0,40}\b(?:can|could|do|are|should) (?:you|i ask)\b[^?]{0,30}\b(?:do|help|able|handle|answer|accept|support|work|you)\b|\byour (?:abilities|capabilities|features|skills)\b|^who are you|\bare you able to\b|\bhow (?:should|do|can) i use you\b|\byou are able to\b"),
    ("decompose", 2.0, r"\b(?:compare|contrast)\b|\bdifferences? (?:in \w+ )?between\b|\bcompared? (?:with|to)\b|\brelative to\b|\bhow (?:much|many) (?:more|less|higher|lower|older|longer)\b.*\bthan\b"),
    ("decompose", 2.5, r"\b(?:which|who|what|is|are|was|were|do|does|did|has)\b.*\b(?:more|less|fewer|\w{3,}er|first|earlier|later|same|different)\b.*\b(?:\w+),? or (?:the |in |that )?\w+|\bof (?:the|our) two\b|\bwhich of (?:the|our|these) (?:two|three)\b"),
    ("decompose", 2.5, r"\?.+\?|,? and (?:what|who|when|where|which|how|whose|why|is|are|was|does|did|by whom|against whom|at what|in which)\b|\bboth\b.*\band\b|\bgive me\b.*\band\b|\btell me\b.*\band\b"),
    ("decompose", 2.0, r"\b(?:the|that|whose) (?:\w+ ){0,2}(?:of|who|that|which|whose|at which|in which) (?:\w+ ){1,6}?(?:who|that|which|whose|of the|by the|in which)\b|\b(?:person|man|woman|author|director|founder|inventor|architect|composer|engineer|player|actor|actress|team|company|town|city|country|state|chairman|band|writer|singer) (?:who|that|whose|which)\b"),
    ("decompose", 2.0, r"\b(?:when|where|how old|in (?:which|what) (?:year|city|country)|what (?:is|was) the (?:birth ?\w*|age|nationality|name|phone number|population|capital))\b.*\b(?:director|author|founder|inventor|architect|composer|singer|writer|creator|manager|producer|captain|wife|husband|father|mother|person)\b.*\b(?:of|who|that)\b"),
    ("search_images", 3.0, rf"\b(?:find|show|search|get|retrieve|look(?:ing)? for|look up|pull|fetch|bring up|display|locate|list|give|see|need|want)\b[^?]*\b(?:{_IMAGE_NOUN}|pictures|illustrations?|posters?|logos?|graphics?)\b(?: (?:of|with|that|which|where|in|similar|like|showing|variants)\b)"),
    ("search_images", 3.0, rf"\b(?:do we have|have (?:we|you) got|do you have|are there|is there)\b[^?]*\b{_IMAGE_NOUN}\b|\b(?:any|other|more|similar) {_IMAGE_NOUN}\b|\b(?:resembl\w+|similar(?:[- ]looking)?|look(?:s)? like) (?:to )?(?:this|the|these)\b|\bnear duplicates?\b"),
    ("search_images", 2.0, rf"\b(?:archived?|gallery|image collection|photo library|catalogue|database)\b.*\b{_IMAGE_NOUN}\b|\b{_IMAGE_NOUN}\b.*\b(?:archive|gallery|collection|library|catalogue|database|on file)\b|\bwhich (?:of our |stored |archived )?(?:images|pictures|photos|scans)\b"),
    ("search_pubmed", 5.0, r"\bpub ?med\b|\bmedline\b"),
    ("search_pubmed", 2.5, r"\b(?:randomi[sz]ed|trials?|rcts?|meta-?analys[ie]s|systematic reviews?|cohort|literature|published|studies|papers|evidence)\b"),
    ("search_pubmed", 1.5, r"\b(?:patients?|disease|syndrome|therapy|treatments?|treated|drugs?|genes?|mutations?|mortality|risk|cancer|clinical|symptoms?|prevalence|efficacy|effective|infections?|diabetes|stroke|\w+(?:itis|osis|emia|aemia|oma|pathy|mab|statin|pril|olol|cillin)|vaccine|biomarkers?|supplement\w*)\b"),
    ("search_code", 3.0, r"\b\w+_\w+\b|\b[a-z]+[A-Z]\w+\b|\b[A-Z][a-z]+[A-Z]\w+\b|\w+\(\)|\b\w+\.(?:py|js|ts|go|rs|java)\b|\b[A-Z]+Error\b"),
    ("search_code", 2.5, r"\b(?:source|code|code ?base|repository|repo|functions?|methods?|class(?:es)?|modules?|implement(?:ed|ation|s)?|parameters?|constructor|decorator|unit tests?|endpoint|call sites?|return type|exceptions?|imports?|backend|commit|tokens?)\b"),
    ("look", 2.0, r"\b(?:colou?rs?|wearing|holding|doing|sitting|standing|lying|background|foreground|animal|shape|visible|describe|scene|see in|do you see|going on|happening|can be seen|shown|weather|indoors|outdoors|smiling)\b"),
    ("look", 1.5, r"^\W*(?:is|are) (?:there|the|this|anyone|any)\b|\bdoes (?:the|this) (?:bag|film|image|picture|scan|photo|x-?ray|page)\b|\bhow many (?:people|persons|\w+s) (?:are|is|can|sit|do you)\b|\bcount the\b"),
    ("look", 1.5, r"\b(?:fracture|lungs?|heart|liver|lesion|effusion|pneumothorax|mass|opacity|modality|axial|weapon|gun|knife|knives|prohibited|forbidden|firearms?|blades?|luggage|baggage|suitcase|cracks?|rust|damaged?)\b"),
    ("read", 2.5, r"\b(?:receipt|invoice|bill|letter|form|prescription|certificate|label|sticker|sign|page|slip|cheque|business card|parcel|nameplate|ticket|package|permit|id card|notice)\b"),
    ("read", 2.5, r"\b(?:read|transcribe|written|printed|says?|headline|heading|title|text|words|copy out|extract)\b"),
    ("read", 2.0, r"\b(?:total|subtotal|amount|date|address|phone|serial|invoice|order|reference|tracking|lot|iban|e-?mail|number|name of the (?:store|shop|company)|cashier|sender|tax|due|expir\w+|paid)\b"),
    ("read_chart", 3.0, r"\b(?:charts?|graphs?|plots?|plotted|diagram|bars?|pie|slices?|axis|axes|legend|curves?|lines? (?:go|above|cross)|\w+ line|series|figure|histogram|trend)\b"),
    ("read_chart", 1.5, r"\b(?:highest|lowest|largest|smallest|biggest|tallest|peak\w*|rise|rose|fall|fell|grow|grew|growth|increase\w*|decrease\w*|drop\w*|decline\w*|steepest|percent\w*|share|proportion|fraction|values?|average|median|gap|ratio|between \d{4} and \d{4}|from \d{4} (?:to|until)|respondents|sold)\b"),
    ("compare_images", 3.0, rf"\b(?:two|both|these|second|first|before and after|earlier|later|previous) (?:\w+ )?{_IMAGE_NOUN}\b|\bbetween (?:these|the) (?:two )?(?:\w+ )?{_IMAGE_NOUN}\b|\bbefore and after\b|\b(?:image|picture|photo|scan) (?:one|two|1|2|a|b)\b"),
    ("compare_images", 2.0, r"\b(?:compar\w+|differ\w*|same|identical|changed?|grown|shrunk|wider|spread|alike|in common|mirrored|missing from|added in|bigger|larger|healed)\b"),
    ("compare_images", 2.0, r"\b(?:first|second)\b.*\b(?:first|second)\b|\b(?:the|these|of the) two \w+"),
    ("vague", 3.0, r"^\W*(?:and |but |so |then )?(?:what|why|where|when|how|who|is|was|does|did|can|will|has|which|should)?\W*(?:\w+ ){0,3}(?:it|that|this|they|them|he|she|these|those|that one|this one|the other(?: one)?)\b(?: \w+){0,3}\W*$"),
    ("vague", 2.0, r"^\W*(?:\w+\W+){0,4}(?:it|that|this|they|them|he|she)\W*$|\bthe (?:other|next|last|previous) one\b|\b(?:since|than|as) last (?:time|one|film|scan|visit)\b|\bwhat now\b"),
    ("abstain", 3.0, r"\b(?:predict|forecast|will win|going to win|next (?:year|week|month|winter|summer|spring|election|march|season)|tomorrow|in advance|in (?:five|ten|twenty|\d+) years|in 20[3-9]\d|lottery|dice|going to (?:cost|be|happen)|will (?:the|it|there|we|i|my)\b[^?]*\b(?:be|cost|rain|die|earn|rise|fall|happen|collapse))\b"),
    ("abstain", 3.0, rf"\b(?:thinking|thoughts?|mind|feel(?:s|ing)? about|dream\w*|intend\w*|plan(?:s|ning)? to do|whisper\w*|secret|political views|conversation)\b|\b(?:home|private|personal) (?:address|phone|number)\b|\bwhere (?:does|did|do|was) (?:the|this|that) {_PEOPLE_NOUN}\b[^?]*\b(?:live|yesterday|last)|\b(?:password|credit card|bank balance|salary of|neighbou?r's)\b"),
    ("search_text", 2.0, r"\b(?:polic(?:y|ies)|manual|handbook|guidelines?|contract|agreement|clause|lease|standard|report|minutes|documents?|procedure|protocols?|rules?|regulations?|terms|according to (?:the|our)|our)\b"),
    ("search_text", 1.0, r"^\W*(?:who|when|where|what|which|how (?:many|much|long|often))\b"),
)  # fmt: skip

CUES: tuple[Cue, ...] = tuple(
    Cue(label, weight, re.compile(text, re.I if label != "search_code" else 0))
    for label, weight, text in _TABLE
)

_IMAGE_WORDS = (
    r"poster|logo|emblem|badge|crest|coat of arms|covers?|title card|title screen|portrait|photo\w*|picture[ds]?"
    r"|image|statue|painting|jersey|helmet|mascot|flag|seal|uniform|collage|artwork"
)
_LOOKS = (
    r"wear(?:s|ing)?|beards?|bearded|bald|balding|moustache|mustache|glasses|sunglasses|hair(?:ed|style)?|blond\w*"
    r"|colou?r(?:s|ed)?|holding|hands?|face|facial|neck|shirt|dress|hat|cap|necklace|earrings?|smil\w+|shape[ds]?"
    r"|background|foreground|stripes?|seen|visible|visual\w*|dome[sd]?|towers?|windows?|in front of|behind"
    r"|hanging|pointing|riding|standing|sitting|floating|depict\w*|feature[sd]? (?:an?|the|two|three)|look(?:s)? like"
)
_MODALITY_TABLE: tuple[tuple[str, float, str], ...] = (
    ("image", 2.0, rf"\b(?:{_IMAGE_WORDS})\b"),
    ("image", 1.5, rf"\b(?:{_LOOKS})\b"),
    ("image", 1.5, r"\bwhat (?:animal|object|item|type of \w+|kind of \w+|shape|colou?rs?|structure|pattern|activity)\b"),
    ("image", 1.0, r"\bhow many (?:people|persons|legs|towers|stars|letters|arms|fingers|men|women|windows|photos)\b"),
    ("image", 1.0, r"\b(?:red|blue|green|yellow|white|black|orange|purple|pink|brown|golden|gr[ae]y)\b"),
    ("table", 1.5, r"\b(?:seasons?|round|week \d+|division|league|cup|championships?|tournaments?|grand prix|playoffs?|draft(?:ed)?|squads?|medal|race[ds]?|olympics?|open|tour)\b"),
    ("table", 1.5, r"\b(?:score[ds]?|points|attendance|goals|wins|won games|rank(?:ed|s|ing)?|position|finish(?:ed)?|result|opponent|venue|appearances|assists|laps|record)\b"),
    ("table", 1.5, r"\b(?:filmography|discography|list of|awards?|nominat\w+|recipient|charts?|label|release[ds]?|episodes?|title\(s\)|\w+\(s\)|role|character)\b"),
    ("table", 1.0, r"\b(?:1[89]|20)\d\d(?:[-–]\d{2,4})?\b"),
    ("table", 1.5, r"\b(?:which|who|was|is|did|does|had|has|of)\b.*\b(?:more|less|most|fewer|higher|lower|earlier|later|latest|first|last|recent(?:ly)?|older|larger)\b.*\bor\b"),
    ("table", 1.0, r"\b(?:population|district|county|constituency|stations?|candidates?|tallest|number of|total|transfer\w*|fee|percentage|score|most recent(?:ly)?|least)\b"),
    ("table", 1.0, r"\bin (?:the )?(?:[A-Z0-9][\w'’.-]* ){1,5}(?:of|season)\b|^in [A-Z]"),
    ("table", 1.0, r"\b(?:in|during|for|of|the) (?:the )?(?:1[89]|20)\d\d\b|\bwhen the \w+(?: \w+){0,4} (?:was|is|were)\b|\bwhat year\b|\bon (?:which|what) date\b|\bwhat date\b"),
    ("text", 1.0, r"^(?:who|when|where|why|what|how|which)\b"),
    ("text", 1.5, r"\b(?:mean(?:s|ing)?|why|how did|what happened|plot|story|written|wrote|sang|sings|sing|voice[sd]?|invented|founded|directed|composed|born|based on|killed|died|discover\w*|created|located|filmed|lives?|married|known (?:as|for))\b"),
    ("text", 1.0, r"\b(?:the|a|an) (?:\w+ ){0,3}(?:who|that|whose|which) \w+"),
    ("text", 1.0, r"^(?:what|which) is an? (?:\w+ ){1,6}(?:by|of|set|about|created|directed|that|which)\b"),
)  # fmt: skip

MODALITY_CUES: tuple[Cue, ...] = tuple(
    Cue(label, weight, re.compile(text, re.I)) for label, weight, text in _MODALITY_TABLE
)


@cache
def _labels(table: tuple[Cue, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cue.label for cue in table))


@lru_cache(maxsize=512)
def _shown(question: str, table: tuple[Cue, ...]) -> tuple[bool, ...]:
    # Every planning round asks again about the same words.
    return tuple(cue.pattern.search(question[:MAX_CHARS]) is not None for cue in table)


def features(question: str, table: tuple[Cue, ...] = CUES) -> list[float]:
    """Return 1.0 for each cue of the table that the question shows, else 0.0, in order."""
    return [float(shown) for shown in _shown(question, table)]


def votes(question: str, table: tuple[Cue, ...] = CUES) -> dict[str, float]:
    """Return the summed weights of the cues found, by label; labels without a cue have 0."""
    total = dict.fromkeys(_labels(table), 0.0)
    for cue, shown in zip(table, _shown(question, table), strict=True):
        if shown:
            total[cue.label] += cue.weight
    return total

"""Words that tell what an answer depends on: sides, colours, brightness, text, counts, sizes."""

from __future__ import annotations

import re

from finetune.data.rows import TrainRow


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.I)


SIDES = _any(
    r"left\w*", r"right\w*", r"sides?", r"sided", r"side's", "lateral", r"ipsilateral\w*", r"contralateral\w*", "beside",
    r"mirror\w*", r"clockwise|counter-?clockwise", "east", "west", r"next to", r"facing", r"faces?", r"turn\w*", r"direction",
    r"hemi\w+", r"dextro\w*", r"levo\w*", r"starboard", r"port side", r"horizontal\w*", r"first|second|third|fourth|fifth"
    r"|sixth|seventh|eighth|ninth|tenth|last|middle", r"\d+(?:st|nd|rd|th)", r"order", r"position\w*", r"trend\w*",
    r"(?:in|de)creas\w+", r"ris(?:e|es|ing)", r"fall(?:s|ing)?", r"o'?clock", r"time", r"before|after", r"where", r"locat\w+",
    r"place[sd]?", r"corner", r"lft|rt|lt|rite|rgt|rght|btm|bttm|mid\w*", r"start\w*|end\w*|begin\w*",
)  # fmt: skip
UPRIGHT = _any(
    "top", "bottom", "above", "below", "upper", "lower", "up", "down", r"upward\w*", r"downward\w*", "under", "underneath",
    "over", "beneath", r"vertical\w*", r"horizontal\w*", r"stand\w*", r"l(?:ie|ying)", r"hang\w*", r"upside", r"ris(?:e|es|ing)",
    r"fall\w*", r"high\w*", r"low\w*", r"tall\w*", r"short\w*", r"superior\w*", r"inferior\w*", r"apex|apical|basal|base", r"orient\w*",
    r"head|foot|feet", r"portrait|landscape", r"floor|sky|ceiling|ground", r"wide\w*|width|height", r"rotat\w+|tilt\w*|angle\w*",
)  # fmt: skip
COLOUR_NAMES = (
    "red orange yellow green blue purple violet pink brown black white gray grey cyan teal olive magenta maroon navy gold"
    " golden silver beige turquoise tan lime indigo crimson blond blonde"
).split()
COLOUR = _any(
    r"colou?r\w*", "hue", "shade", "tint", r"stain\w*", *(f"{name}(?:ish)?" for name in COLOUR_NAMES)
)
BRIGHT = _any(
    r"bright\w*", r"dark\w*", r"light\w*", r"contrast\w*", r"dens\w+", r"hypo\w+", r"hyper\w+", r"iso\w*dens\w*", r"opac\w+",
    r"opaque", r"lucen\w+", r"radiolucen\w*", r"enhanc\w+", r"attenuat\w+", r"intens\w+", r"signal", r"t[12]\w*", r"flair",
    r"exposur\w*", r"shadow\w*", r"night|day(?:time|light)?", r"sunny|cloudy|weather", r"gra[ey]scale", r"window\w*", r"shiny|glow\w*",
    r"transparen\w+", r"faint\w*|pale\w*", r"echogen\w*", r"fat", r"air",
)  # fmt: skip
QUALITY = _any(
    r"blur\w*", r"sharp\w*", r"nois\w+", r"quality", r"resolution", r"focus\w*", r"grain\w*", r"artifact\w*|artefact\w*",
    r"clear(?:ly)?", r"texture\w*", r"smooth\w*", r"compress\w*", r"photo(?:graph)? taken|camera", r"modality", r"type of imag\w+",
)  # fmt: skip
TEXT = _any(
    r"read\w*", r"text\w*", r"writ\w+", r"words?", r"letters?", r"say\w*", r"title\w*", r"label\w*", r"legend\w*", r"numbers?",
    r"sign\w*", r"logo\w*", r"brand\w*", r"name\w*", r"printed", r"captions?", r"values?", r"total\w*", r"price\w*", r"amount\w*",
    r"date\w*", r"address\w*", r"company", r"receipt\w*", r"invoice\w*", r"document\w*", r"page\w*", r"table\w*", r"column\w*",
    r"rows?", r"chart\w*", r"graph\w*", r"plot\w*", r"axis|axes", r"bars?", r"slices?", r"lines?", r"percent\w*", r"year\w*",
    r"clock", r"points?", r"plate", r"jersey", r"spell\w*", r"score", r"markers?",
)  # fmt: skip
SIZE = _any(r"larg\w+", r"small\w*", r"big\w*", r"size\w*", r"diameter", r"how (?:long|wide|tall|high|far)", r"cm|mm|meters?|inch\w*", r"scale", r"tiny|huge", r"fill\w*", r"close\w*|near\w*|far\w*|distan\w+")  # fmt: skip
FRAME = _any(
    r"edges?|borders?|frame|corners?|centre|center\w*|middle",
    r"where|locat\w+",
    r"quadrant\w*|half",
    "upper|lower|top|bottom",
)
EXTENT = _any(
    r"how many", r"number of", r"count\w*", r"any", r"all", r"every", r"only", r"no", r"none", r"most", r"both", r"complete\w*",
    r"whole", r"edge\w*|border\w*|frame\w*|background|foreground|centre|center",
)  # fmt: skip
MEDICAL = _any(
    r"x-?rays?", r"radiograph\w*", "ct", "mri?", r"ultrasound", r"scan", r"lungs?", r"heart", r"cardi\w+", r"liver|hepat\w+", r"spleen",
    r"kidney\w*|renal", r"brain", r"lobe\w*", r"patholog\w*", r"lesion\w*", r"tumou?r\w*", r"mass(?:es)?", r"pleur\w+", r"pneumo\w*",
    r"effusion\w*", r"fractur\w*", r"aort\w*", r"diaphragm\w*", r"trachea\w*", r"vertebra\w*", r"spin(?:e|al)", r"histolog\w*",
    r"patient\w*", r"organ\w*", r"abnormal\w*", r"infarct\w*", r"hemorrhag\w*|haemorrhag\w*", r"abdom\w+", r"chest", r"pelvi\w+",
    r"bones?", r"skull", r"tissue\w*", r"cells?",
)  # fmt: skip
ENGLISH = _any(
    "the", "what", "which", "how", "there", "does", "do", "this", "that", "are", "these", "those", "who", "whose",
    "why", "you", r"is (?:it|a|an|he|she|any\w*)", "has", "have", r"any\w*", "describe",
)  # fmt: skip
"""Words that English questions hardly do without, and that are none in languages of the same letters."""
_MEDICAL_SOURCES = (
    "rad",
    "slake",
    "path",
    "medical",
    "biomed",
    "roco",
    "pmc",
    "histo",
    "xray-chest",
    "captions-medical",
)
_TEXT_SOURCES = (
    "chart",
    "sroie",
    "receipt",
    "docvqa",
    "page",
    "table",
    "textvqa",
    "synth",
    "plotqa",
    "figure",
    "document",
)
_TEXT_KINDS = (
    "ocr",
    "reading",
    "title",
    "value",
    "field",
    "company",
    "address",
    "date",
    "total",
    "extract",
    "legend",
)


def words_of(row: TrainRow) -> str:
    """Return everything that a row says: question, answers, choices."""
    return " ".join((row.question, *row.answers, *row.choices))


def is_english(row: TrainRow) -> bool:
    """Whether a row is in the language of these lists: of another one they would tell nothing."""
    return bool(ENGLISH.search(row.question))


def is_medical(row: TrainRow) -> bool:
    """Whether a row is about a medical image, whose left and right are the patient's."""
    source = row.source.lower()
    return any(name in source for name in _MEDICAL_SOURCES) or bool(MEDICAL.search(words_of(row)))


def has_text(row: TrainRow) -> bool:
    """Whether the image has text that must stay readable, or the answer depends on text."""
    source, kind = row.source.lower(), row.kind.lower()
    told = bool(row.metadata.get("reading")) or any(name in source for name in _TEXT_SOURCES)
    return told or any(name in kind for name in _TEXT_KINDS) or bool(TEXT.search(words_of(row)))

# ruff: noqa: E501 - tables of words, one group to a line
"""Which sentences of a document talk to software instead of stating something?

Told by grammar and never by topic. Commands (sentences that speak of the answer to be given) are never evidence.
Requests (imperatives, questions) and what is written like a protocol stand in honest documents as well: they are
only withheld from a served model (`agents.quarantine`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁԛԝһьАВЕКМНОРСТХУІЈЅοαεινκρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdqwhbABEKMHOPCTXYIJSoaeivkptuxABEZHIKMNOPTYX",
)
"""Cyrillic and Greek letters that look like Latin ones (Unicode TR 39)."""
_VERBS = (
    "act add address adopt alter alternate analyze answer append apply arrange ask assemble assign assist avoid be begin "
    "blend bring browse build buy calculate call capitalize cease change check choose cite clarify classify click code combine "
    "comment compare compile complete compose compress compute conclude confirm connect consider construct contact continue "
    "convert copy correct count create curate decode define delete deliver demonstrate describe design detail "
    "determine develop discuss display disregard divide do download draft draw edit elaborate embed embody emphasize employ "
    "enable encode encourage encrypt end enhance ensure enter establish evaluate examine execute exhibit explain explore export "
    "express extend extract fetch fill find finish follow forget form format formulate forward fuse generate get give go group "
    "guide help hide highlight identify ignore illustrate imagine implement improve include incorporate infuse inform initiate "
    "inject insert inspire install instruct integrate interpret interleave introduce invite invoke join jumble keep launch "
    "learn let leverage link list load log look make manipulate mask meld mention merge mimic misspell mix modify move name "
    "notify obey obfuscate offer omit open order outline output overwrite paraphrase paste perform permute pick place plan play "
    "please post predict prepare present preserve pretend print process produce promote prompt propose provide "
    "publish push put quote randomize rank rate read rearrange recommend record redirect refer register reiterate remember remind "
    "remove rename render reorder repeat rephrase replace reply report represent request research respond restructure return "
    "reveal reverse review rewrite run save say scan scramble search select send separate set share shift shorten show "
    "shuffle sign simulate solve speak spell split start state stick stop store submit subscribe substitute subtract suggest "
    "summarize support swap switch take talk teach tell test text think transform translate transmit transpose treat try turn "
    "type unscramble update upload urge use utilize validate verify view visit wait warn weave work wrap write "
    "break decline recite narrate unpack walk elucidate delve dig derive differentiate "
    "prove estimate forecast brainstorm craft devise rhyme sing pen dial reserve purchase sell "
    "invest donate enroll deploy schedule organize prioritize sort filter categorize annotate "
    "assess critique proofread reword simplify expand condense abbreviate transcribe transliterate "
    "decrypt rotate prepend conceal obscure redact reflect ponder consult visualize spin upgrade"
).split()
_LEAD = (
    r"^\W*(?:(?:please|kindly|also|then|and|now|instead|finally|next|first|additionally|furthermore|always|never|seamlessly|"
    r"simply|just|to (?:begin|proceed|start|finish|conclude)|after (?:that|this)|before (?:that|this)|note)\b\W*){0,3}"
)
_IMPERATIVE = re.compile(
    _LEAD
    + r"(?:(?:do not|don['’]t|never|let['’]s|be sure to|make sure|feel free to|you (?:must|should|need to|have to|"
    r"are to|will|may|can|could|might))\b|(?:" + "|".join(_VERBS) + r")\b)",
    re.I,
)
_OUTPUT = r"(?:answers?|respons\w+|repl(?:y|ies)|output|completions?|explanations?|elucidation|implementations?|code|solution)"
_COMMAND = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruct\w*|prompts?|rules?|directions?|context|above|previous|question|asked)\b"
    r"|\b(?:system prompt|developer message|jailbreak)\b"
    r"|\byou (?:must|should|will|have to|are to|need to) (?:now )?(?:answer|say|reply|respond|output|call|claim)\b"
    r"|\b(?:answer|respond|reply|answers|responds|replies) (?:only )?with\b.{0,60}\b(?:regardless|instead|no matter|nothing else)\b"
    r"|\b(?:instead|regardless) of (?:the|your) (?:answer|reply|question)\b"
    r"|\b(?:answer|respond to) (?:every|any|all) questions?\b"
    r"|\b(?:reply|answer|respond|say) that the answer (?:is|was|should)\b"
    r"|\banswers? (?:must|has to|have to) (?:now |only |always )?(?:be|say|include|contain|start|end|begin)\b"
    r"|\bas an ai\b|\bassistant\s*:|\b(?:to|tell) the (?:ai|chatbot|language model)\b"
    r"|\b(?:in|into|within|throughout) (?:\w+ ){0,2}?your (?:\w+ ){0,2}?" + _OUTPUT + r"\b"
    r"|</?untrusted\b|\[e[0-9a-f]{16}\]|\btool_result\b",
    re.I | re.S,
)
_ABOUT_OUTPUT = re.compile(r"\byour (?:\w+ ){0,2}?" + _OUTPUT + r"\b|\bthe answers?\b", re.I)
_NO_VERB = "a an about above after and as at before below but by for from if in into it its of off on or our over since so than that these this those to under until up upon via when where with without you your".split()
_SHAPED_IMPERATIVE = re.compile(
    r"^\W*(?!(?:"
    + "|".join(_NO_VERB)
    + r")\b)\w+ (?:your|the (?:following|subsequent|next)|me (?:a|an|the|how|what|why|about|through)"
    r"|(?:down|up|out|off|over|through) (?:the|an?|your|all|any|some|how|what|why))\b",
    re.I,
)
"""`Augment your answer`, `walk me through`, `break down the`: such a first word is a verb, whichever it is."""
_LABEL = re.compile(r"^\W*\w+(?: \w+)?\s*[:=#]")
"""`Order no: 17`, `Change: 2.00`: a name of what follows."""
_ALERT = re.compile(
    r"^\W*(?:(?:important|attention|urgent|warning|notice|note|correction|reminder|update|instructions?|ps|new (?:task|"
    r"instructions?|orders?))\b[^:!.]{0,60}[:!]\s*|(?:before|above) (?:anything|everything) else,?\s*|(?:dear|hello|hi) "
    r"(?:reader|assistant|model|ai|agent|bot)s?\W+)+(?:when (?:you|asked)\b[^,.]{0,60},\s*)?",
    re.I,
)
"""What calls for attention in front of a request: `IMPORTANT: before anything else, reply`."""
_CONDITION = re.compile(
    r"^\W*(?:if|when|whenever|since|as) you (?:are|read|see|process)\b[^,;.]{0,80}[,;]\s*", re.I
)
_MARKUP = re.compile(
    r"</?\w[^<>]{0,80}>|<\|.{0,30}?\|>(?:\s*(?:system|user|assistant)\b)?|\[/?[A-Z_]{2,20}\]|<!--|-->"
)
_ABROAD = re.compile(
    r"\b(?:ignorier\w*|vergiss|vergesst|missachte\w*|olvid[ae]\w*|ignor[aeo]\w*|oublie\w*|ignorez|dimentica\w*|esque[cç]a\w*"
    r"|negeer|vergeet|забудь\w*|игнориру\w*|unut\w*|yok say\w*|glem|ignorera|zignoruj|zapomnij)\b.{0,60}\b(?:frage|anweisung\w*"
    r"|pregunta|instruc\w+|domanda|istruzion\w+|pedido|pergunta|vraag|opdracht\w*|instruct\w+|question|consigne\w*"
    r"|вопрос\w*|инструкци\w*|указани\w*|soru\w*|talimat\w*|pytani\w*|polece\w*|fråg\w*)\b"
    r"|\b(?:antworte\w*|responde|respond[ea]\w*|réponds|répondez|rispondi\w*|antwoord|ответь\w*|отвечай\w*|yanıtla\w*|odpowiedz)\b"
    r".{0,30}\b(?:nur|mit|so?lamente|sólo|solo|uniquement|seulement|soltanto|apenas|alleen|только|yalnızca|tylko)\b"
    r"|(?:忽略|无视|忘记|無視|忘れ).{0,20}(?:问题|指令|指示|说明|質問|命令)|(?:只|仅)(?:回答|回复|输出)|とだけ(?:答え|返答|出力)"
    r"|(?:تجاهل|انس).{0,30}(?:السؤال|التعليمات)|(?:أجب|رد) فقط",
    re.I,
)
"""Orders about the answer in other languages: to leave the question, to answer only something."""
_PROTOCOL = re.compile(
    r"<\|?/?(?:im_start|im_end|sys\w*|user|assistant|function\w*|tool\w*|inst\w*)\b|\[/?INST\]|<<SYS>>|<!--"
    r"|\"(?:tool_calls?|function_call|arguments)\"\s*:|!\[[^\]]*\]\(\s*https?://[^)]*\?|^[\W_]*[-#=*]{3,}\s*end of\b|(?:\b\w ){10}"
    r"|</?untrusted|\[e[0-9a-f]{8,}\]",
    re.I,
)
_FORGED = re.compile(
    r"^\W*(?:system|user|developer|assistant|tool|tool_result|tool result|function|observation)\s*[:{]|\btool result\b"
    r"|\bcite evidence\b|^q\d+ \[|^\W*[{\[]\s*\"(?:tool|next|action|role)\"",
    re.I,
)


SPACED = re.compile(r"((?:\b[^\W\d_] {1,4}){8,}(?:\w\b {1,4})*\w\b)")
"""`s t a t e   t h a t`: words hidden from whoever reads words; nothing is stated so."""


@lru_cache(maxsize=2048)
def folded(text: str) -> str:
    """Return a text as it looks: one form of each letter, nothing that cannot be seen."""
    if text.isascii():
        return text
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return seen.translate(_LOOKALIKES) if re.search("[A-Za-z]", seen) else seen


def is_command(text: str) -> bool:
    """Return whether a text addresses the reader's software instead of stating something."""
    seen = folded(text)
    if _COMMAND.search(seen) or _ABROAD.search(seen) or SPACED.fullmatch(seen.strip(" .,;:!?")):
        return True
    return _ABOUT_OUTPUT.search(seen) is not None and _is_imperative(_bare(seen))


def is_request(sentence: str) -> bool:
    """Return whether a sentence asks its reader for something: an imperative or a question."""
    seen = _bare(folded(sentence))
    if _LABEL.match(seen):
        return False
    return seen.rstrip("\"'”’) ").endswith("?") or _is_imperative(seen)


def is_forged(sentence: str) -> bool:
    """Return whether a sentence is written like a tool's output, a plan, a citation or a turn of a talk."""
    return is_protocol(sentence) or _FORGED.search(folded(sentence)) is not None


def is_protocol(sentence: str) -> bool:
    """Return whether a sentence holds marks that no page or form has: role tags, tool calls, hidden comments."""
    return _PROTOCOL.search(folded(sentence)) is not None


def _bare(seen: str) -> str:
    """Return a sentence without markup and without what only leads up to a request."""
    plain = _ALERT.sub("", _MARKUP.sub(" ", seen).strip(), count=1)
    return _CONDITION.sub("", plain, count=1).strip()


def _is_imperative(seen: str) -> bool:
    return _IMPERATIVE.match(seen) is not None or _SHAPED_IMPERATIVE.match(seen) is not None

# ruff: noqa: E501 - tables of words, one group to a line
"""What in a request speaks for harm, and what speaks against it: forms that can be read, each yes or no.

A request is judged by what is done to whom, never by a word alone: `kill` with a person behind it, or with a
process; a right denied to people, or to carrots; a password of somebody's teacher, or of a comic's mouse.
"""

from __future__ import annotations

import re
from functools import cache

_PEOPLE = (
    r"(?:some(?:one|body)|any(?:one|body)|people|persons?|humans?|humanity|(?:wo)?m[ae]n|child(?:ren)?|kids?|bab(?:y|ies)|girls?|boys?|minors?|teenagers?|victims?"
    r"|strangers?|crowds?|hostages?|prisoners?|witness(?:es)?|tourists?|cyclists?|pedestrians?|passengers?|neighbou?rs?|boss(?:es)?|co-?workers?|colleagues?|employees?|employers?"
    r"|teachers?|professors?|class ?mates?|room ?mates?|flat ?mates?|wi(?:fe|ves)|husbands?|spouses?|partners?|(?:girl|boy)friends?|ex|exes|friends?|mothers?|fathers?|mom|dad|mum|parents?"
    r"|(?:step|grand)\w+|brothers?|sisters?|siblings?|sons?|daughters?|uncles?|aunts?|cousins?|landlords?|tenants?|clients?|therapists?|dentists?|doctors?|nurses?|lawyers?|roofers?|plumbers?"
    r"|babysitters?|nann(?:y|ies)|cops?|police(?:m[ae]n)?|officers?|judges?|politicians?|presidents?|senators?|ministers?|mayors?|celebrit(?:y|ies)|civilians?|soldiers?|competitors?|rivals?|foreigners?|immigrants?|refugees?|minorit(?:y|ies)|jews?|muslims?|villages?)"
)
_GROUPS = (
    r"(?:people|(?:wo)?men|girls|boys|children|immigrants?|migrants?|refugees?|foreigners?|asylum seekers?|jews?|jewish|muslims?|christians?|hindus?|buddhists?|sikhs?|catholics?|atheists?"
    r"|gays?|lesbians?|bisexuals?|asexuals?|trans(?:gender)?|non-binary|queers?|homosexuals?|lgbt\w*|blacks|whites|asians?|africans?|arabs?|latin[oa]s?|hispanics?|mexicans?|chinese|indians?"
    r"|roma|gypsies|indigenous|native americans?|aborigin\w+|disabled|elderly|old people|poor people|homeless|pregnant|divorced|couples|minorit(?:y|ies))"
)
_HARM = (
    r"(?:kill|murder|assassinat\w*|slay|execut\w*|eliminat\w*|exterminat\w*|eradicat\w*|annihilat\w*|cleans\w*|wip(?:e|ing) out|get(?:ting)? rid of|do(?:ing)? away with|tak(?:e|ing) out|finish off"
    r"|shoot|stab|strangl\w*|chok\w*|throttl\w*|suffocat\w*|smother|poison|drown|behead|decapitat\w*|hang|lynch|beat|punch|hit|kick|slap|smash|crush|crack|break|shatter|batter|bash|tortur\w*|maim"
    r"|mutilat\w*|hurt|harm|injur\w*|attack|assault|rap(?:e|ing)|molest|groom|kidnap|abduct|snip(?:e|ing)|hunt|gut|chop|saw|dismember|dissolv\w*|burn|bomb|blow(?:ing)? up|explod\w*|demolish|destroy"
    r"|wreck|slash|slit|cut|sever|vandali\w*|terminat\w*|euthani\w*|pierc\w*|gouge|knock\w* out|push|drug|dose|ambush|stalk|blackmail|threaten|bully|intimidat\w*|traffic\w*|punish|starv\w*|run over"
    r"|set .{1,30}on fire|disabl\w*|key|derail)(?:s|ed|ing|ning|bing|ting)?"
)
_BODY = r"(?:skulls?|spines?|necks?|throats?|faces?|kidneys?|arter(?:y|ies)|wrists?|veins?|eyes|fingers?|hands?|legs?|bod(?:y|ies)|corpses?|dead body|headshot|li(?:fe|ves)|death)"
_THINGS = r"(?:houses?|homes?|flats?|apartments?|cars?|tires|tyres|motor ?bikes?|bikes?|laptops?|phones?|windows|schools?|offices?|concerts?|stadiums?|churches|church|mosques?|synagogues?|trains?|train station|bridges?|hospitals?|cemeter\w+|airports?|buildings?|water supply|crowd|dog|cat)"
_WEAPON = r"(?:bombs?|explosives?|napalm|grenades?|molotov\w*|nerve (?:gas|agents?)|poison gas|deadly gas|anthrax|sarin|ricin|bioweapons?|weapons?|guns?|handguns?|pistols?|rifles?|silencers?|ammunition|landmines?)"
_DRUG = r"(?:cocaine|heroin|meth|crystal meth|methamphetamine|lsd|ecstasy|mdma|weed|marihuana|marijuana|cannabis|crack|fentanyl|opioids?|ketamine|dmt|ghb|magic mushrooms|shrooms|drugs|steroids)"
_CRIME = (
    r"(?:murders?|homicide|manslaughter|massacres?|genocide|arson|terrorism|terror\w*|treason|robber(?:y|ies)|armed robbery|burglary|theft|rape|assault|fraud|identity theft|tax evasion|perjury|blackmail|extortion"
    r"|forgery|espionage|kidnapping|suicide|mass shooting|school shooting|hit and run|assassinations?|crimes?|hate crimes?|cannibal\w*|incest|child porn\w*|scam|pyramid scheme|insider trading)"
)
_ATROCITY = (
    r"(?:hitler|nazis?|stalin|pol pot|pinochet|isis|taliban|al-?qaeda|ku klux klan|kkk|khmer rouge|gestapo|auschwitz|concentration camps?|holocaust|genocide|ethnic cleansing|slave trade|slavery|apartheid|lynching"
    r"|9/11|massacres?|assassinations?|mass shootings?|school shooting|bombings?|terror attacks?|columbine|manson|bundy|breivik|world war|jim crow|colonialism|inquisition|gulag\w*)"
)
_PRIVATE = (
    r"(?:address|passwords?|passcode|pin|logins?|passport number|licen[cs]e number|social security number|phone number|email|text messages|messages|browsing history|search history|medical (?:records?|history)"
    r"|health (?:history|records?)|therapy notes|tax (?:records?|returns?)|bank (?:account|statements?|details)|account number|credit card|card details|salary|income|criminal (?:history|records?)"
    r"|sexual orientation|sexuality|political (?:affiliation|views|party|beliefs?)|religious (?:beliefs?|affiliation)|religion|immigration status|marital status|birth certificate|union member\w*|labou?r union|mental illness|nude\w*|location)"
)
_FICTION = (
    r"\b(?:games?|gaming|gta|call of duty|minecraft|fortnite|battlefield|skyrim|witcher|hitman|zelda|pok[eé]mon|chess|checkers|monopoly|poker|movies?|films?|scenes?|plays?|stage|novels?|books?|stor(?:y|ies)"
    r"|scripts?|cartoons?|comics?|characters?|villain|writing|baseball|base|football|basketball|shooting range|targets?|paper|video)\b"
)
_NONSENSE = (
    r"\b(?:mercury|venus|mars|jupiter|saturn|neptune|uranus|pluto|moon|sun|sun's|space|galaxy|black hole|planets?|volcano|telepath\w*|telekines\w*|teleport\w*|lasers?|lightning|dimensions?|decibels?|weather|invisible"
    r"|time travel|back in time|fly|flapping|lay eggs|infrared|read minds|walk through walls|underwater|mountain|lead into gold|without (?:food|oxygen|air|water)|superpowers?|magic|immortal)\b"
)
_OBJECTS = (
    r"\b(?:weeds|moss|mou?ld|pests?|vermin|bugs?|insects?|mosquito\w*|wasps?|flies|rats?|mice|mouse|ants|cockroach\w*|termites|bacteria|germs|virus(?:es)?|process(?:es)?|threads?|tasks?|containers?|workers?|programs?|scripts?"
    r"|commands?|database|tables?|sql|python|java|linux|git|server|code|function|time|boredom|habits?|doubts?|clutter|balloons?|pi[nñ]ata|pigs?|chickens?|fish|trout|shrimps?|lobsters?|crabs?|sheep|deer|coconuts?|walnuts?|eggs?"
    r"|garlic|potatoes|bread|dish|log|wood|shed|stump|radiator|picture|wallpaper|balance|loan|contract|bills?|costs?|calories|record|interview|exam|competition|industry|market|business|niche|presentation|speech|lines|jokes?|laughter|party)\b"
)
_ASKS = r"(?:^|[.!?:;\n])\W*(?:please )?(?:how (?:do|can|could|should|would|might|to)\b|what(?:'s| is| are| would be)? (?:(?:a|the|some|your) )?(?:\w+ ){0,2}(?:ways?|methods?|plans?|places?|steps?|strateg\w+)|what steps|what (?:do|can|could|should) i|where (?:can|do|could|should) i|who sells|should i|(?:can|could) you (?:tell|give|explain|show|help)|tell me|give me|show me|help me|explain how|instructions|i (?:want|need|plan) to|write )"
_PAST = r"^\W*(?:how (?:did|was|were|does|many)|what (?:happened|was|were|did|kind|caused)|why (?:did|was|were)|when|who|whom|which|is|are|did|does|was|were)\b"
_DEFINES = r"\b(?:definition|define|meaning of|legal(?:ly)? meaning|what does .{0,40}mean|difference between)\b|^\W*what is (?:an? |the )?(?:\w+ ?){1,2}\?*$|^\W*what kind of (?:a )?drug\b"
_NOT_ALLOWED = (
    r"\b(?:not (?:be|get|have|hold|own|vote|marry|adopt|open|earn|run|live|teach|work)|be (?:barred|banned|denied|excluded|kept|kicked|fired|deported|locked|discriminated|allowed)|barred|banned|denied|deport\w*|excluded|kicked off"
    r"|lose their|t(?:ake|ook) away|lock up|earn less|weaker|worse|inferior|less intelligent|less than|more rights|deserve (?:less|more)|discriminated against|better (?:not|to)|best not|best for)\b"
)

FORMS: dict[str, str] = {
    "harm a person": rf"\b{_HARM}\b(?:\W+\w+){{0,4}}?\W+{_PEOPLE}\b(?!['’]s (?:heart|mind|record|lines))",
    "person to harm": rf"\b{_PEOPLE}\b(?:\W+\w+){{0,2}}\W+(?:to (?:shoot|kill|rob|hurt)|suffer)\b",
    "harm a body": rf"\b{_HARM}\b(?:\W+\w+){{0,4}}?\W+{_BODY}\b|\b(?:headshot|hide|dispose of)\b.{{0,20}}\b(?:body|corpse|with my gun)\b",
    "harm oneself": r"\b(?:kill|hurt|cut|hang|harm|starve|drown|shoot|poison|burn) (?:my|our)sel(?:f|ves)\b|\b(?:commit(?:ting)? suicide|end my life|die like|never wake up|jump off to die|to overdose|my (?:own )?(?:\w+ )?(?:wrists?|arter\w+|veins?))\b",
    "harm a thing of others": rf"\b{_HARM}\b.{{0,25}}(?:['’]s? (?:\w+ ){{0,2}}|\b(?:a|an|the|my|up a) (?:\w+ )?){_THINGS}\b|\b(?:explosion|bomb)\b.{{0,20}}\b(?:at|in|on) (?:a|an|the|my)\b",
    "weapon": rf"\b(?:make|making|build|built|construct|assemble|grow|print|buy|get|convert|plant|use|turn|need|exploding|instructions|smuggle|land\w*)\b.{{0,45}}\b{_WEAPON}\b|\bmolotov|\b{_WEAPON}\b.{{0,30}}\b(?:to kill|past|undetected|background check)\b",
    "drug": rf"\b(?:make|making|cook|synthesi[sz]e|extract|grow|buy|get|score|sell|sells|smuggle|find|obtain|produce)\b.{{0,25}}\b{_DRUG}\b",
    "crime": rf"\b(?:commit\w*|get(?:ting)? away with|engage in|carry out|plan(?:ning)?|plan for|join|recruit\w*|run|live as|how (?:do|can) i)\b.{{0,25}}\b{_CRIME}\b|\blaunder\w*\b|\bwithout (?:\w+ ){{0,3}}(?:caught|noticing|noticed|knowing|seen|traced)\b",
    "take what is not one's own": r"\b(?:steal\w*|rob|robbing|burgle|shoplift\w*|pickpocket\w*|break(?:ing)? into|hack\w*|crack|clone|skim|forge|counterfeit\w*|fake|embezzle|evade|bribe|rig|scam|phish|spyware|ransomware|leak|deepfake|hitman|child porn\w*)\b",
    "theft or fraud": r"\b(?:counterfeit\w*|shoplift\w*|burgle|pickpocket\w*|embezzle|skim cards|phish|ransomware|spyware|deepfake|hitman|child porn\w*|evade taxes|launder\w*)\b|\b(?:rob|break into|hack into|get into|bribe|rig|forge|fake|clone)\b (?:an? |the |my |some\w+['’]s |\w+['’]s ){1,2}(?:\w+ ){0,2}(?:stores?|banks?|vaults?|safe|houses?|homes?|phones?|accounts?|computers?|network|judges?|elections?|passports?|prescriptions?|signature|credit cards?|museum|login)|\bsteal (?:an? |some\w+['’]s )?(?:car|bike|identity|password|credit card|login|from)|\bsteals? banking",
    "attack a place": rf"\b(?:bomb|blow(?:ing)? up|shoot(?:ing)? up|attack|burn(?:ing)? down|derail|take down|set fire to)\b (?:\w+['’]?s? ){{0,2}}?{_THINGS}\b|\b(?:explosion|bomb)\b.{{0,15}}\b(?:at|in|on) (?:a|an|the|my)\b|\b(?:stadium|school|church|concert) (?:explosion|bombing|shooting)\b",
    "secret past control": r"\b(?:hide|conceal|smuggle|sneak|get)\b.{0,60}\b(?:past|through|from|onto)\b.{0,30}\b(?:x-?ray|scanner|security|customs|checkpoint|inspection|detector|plane)",
    "a group denied": rf"\b{_GROUPS}\b.{{0,60}}{_NOT_ALLOWED}",
    "denied a group": rf"{_NOT_ALLOWED}.{{0,40}}\b{_GROUPS}\b",
    "reasons against": r"\b(?:why|reasons?|explain|would it be better|right to)\b",
    "praise of atrocity": rf"\b(?:right to|justified|necessary|good (?:thing|for|way|about)|benefits?|advantages?|success\w*|succes|hero|admir\w+|methods)\b.{{0,60}}\b{_ATROCITY}\b|\b{_ATROCITY}\b.{{0,60}}\b(?:right to|justified|necessary|good (?:thing|for|way)|benefits?|success\w*)\b",
    "atrocity again": rf"\b(?:replicate|recreate|repeat|copy|imitate|bring back|use|like (?:under )?|learn from)\b.{{0,60}}\b{_ATROCITY}\b",
    "atrocity denied": r"\b(?:overstate|exaggerat\w*|hoax|invent\w*|lie|fake[ds]?)\b.{0,50}\b(?:holocaust|genocide|murdered|survivors?|world war|happened)\b",
    "private matter": rf"\b{_PRIVATE}\b|\b(?:vote for|gay|lesbian|live now)\b",
    "private matter of another": rf"\b(?:(?:my|our|his|her|their) (?:[\w'’]+ ){{0,3}}?{_PEOPLE}|other people|strangers?|celebrit(?:y|ies)|some(?:one|body)(?: else)?)['’]s? (?:[\w'’]+ ){{0,3}}?{_PRIVATE}\b|\b{_PRIVATE}\b.{{0,15}}\bof (?:my|our|his|her|other|strangers?|celebrities)\b(?! own)|^\W*(?:is|does|did|are|who did|where does) (?:my|our) (?:\w+ ){{0,2}}?{_PEOPLE}\b.{{0,40}}\b(?:{_PRIVATE}|gay|lesbian|vote|live)\b",
    "my somebody's": rf"\b(?:my|our) (?:\w+ ){{0,2}}?{_PEOPLE}(?:['’]s\b|\b)",
    "people at large": r"\b(?:other people|strangers|celebrities|someone else|somebody else|someone)['’]s?\b",
    "a proper name": r"(?<!^)(?<![.!?] )\b(?!I\b)[A-Z][a-zé]+(?:[ -][A-Z][a-zé]+)*(?:['’]s?)?",
    "fiction or play": _FICTION,
    "cannot be": _NONSENSE,
    "a thing, not a person": _OBJECTS,
    "asks how": _ASKS,
    "asks what was": _PAST,
    "asks what it means": _DEFINES,
    "wants help": r"\b(?:stop|prevent|protect|avoid|treat|report|recogni[sz]e|signs of|help (?:a|my|someone)|leave|safely|humanely|licensed|emergency|legal|penalty|illegal to|heal|cope|survive)\b",
    "points at a document": r"\b(?:this|these|the) (?:\w+ )?(?:image|picture|photo|scan|x-?ray|bag|chart|graph|table|figure|document|article|report|paper|text|letter|receipt|invoice|bill|form|contract|page|sign|code|module)\b|\baccording to\b|\bour (?:polic|handbook|contract)",
}
ALARMS = (
    "harm a person", "person to harm", "harm a body", "harm oneself", "harm a thing of others", "weapon", "drug", "crime",
    "take what is not one's own", "theft or fraud", "attack a place", "secret past control", "a group denied", "denied a group", "praise of atrocity", "atrocity again", "atrocity denied", "private matter of another",
)  # fmt: skip
"""Without one of these nothing is refused, whatever else is said."""


_CERTAIN = (
    "harm a person", "person to harm", "harm a body", "harm oneself", "weapon", "drug", "crime", "secret past control",
    "theft or fraud", "attack a place",
)  # fmt: skip
_EXCUSED = (
    "fiction or play", "asks what was", "asks what it means", "wants help", "a thing, not a person",
    "points at a document", "cannot be",
)  # fmt: skip


def cues(request: str) -> dict[str, bool]:
    """Return each form with whether it occurs in a request."""
    return {name: form.search(request) is not None for name, form in _patterns().items()}


def is_unsafe(found: dict[str, bool]) -> bool:
    """Return whether the forms of a request suffice to refuse it.

    That is: how to do harm, without anything that speaks for a game, a story, history, help or a thing; what is a
    private person's own; reasons against people's rights; praise, repeating or denial of an atrocity.
    """
    excused = any(found[name] for name in _EXCUSED)
    if found["asks how"] and not excused and any(found[name] for name in _CERTAIN):
        return True
    if found["asks how"] and found["secret past control"]:
        return True  # the x-ray is no document here
    if found["points at a document"] or found["cannot be"]:
        return False
    if found["private matter of another"] and not found["fiction or play"]:
        return True
    if found["a group denied"] and found["reasons against"] and not found["asks what was"]:
        return True
    return found["praise of atrocity"] or found["atrocity again"] or found["atrocity denied"]


def is_alarming(request: str) -> bool:
    """Return whether a request has anything in it that could be a reason to refuse."""
    patterns = _patterns()
    return any(patterns[name].search(request) for name in ALARMS)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Compiled when first asked: that takes a tenth of a second, which no start should wait for."""
    return {name: re.compile(form, re.I | re.S) for name, form in FORMS.items()}

"""Articles and papers made here, in the shapes that PubMed and PubMed Central send."""
# ruff: noqa: E501 - XML, one element to a line

from __future__ import annotations

import random
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

_TOPICS = (
    "asthma",
    "stroke",
    "migraine",
    "malaria",
    "gout",
    "eczema",
    "anaemia",
    "sepsis",
    "psoriasis",
    "angina",
)
_DRUGS = ("budesonide", "aspirin", "metformin", "colchicine", "warfarin", "ibuprofen", "zinc", "insulin")
_PLACES = ("children", "adults", "pregnancy", "Kenya", "Japan", "primary care", "intensive care", "schools")
_KINDS = ("Randomized Controlled Trial", "Systematic Review", "Case Reports", "Review", "Observational Study")
OPEN_PMC = "9000001"
CLOSED_PMC = "9000002"
OPEN_PMID, CLOSED_PMID, NO_PMC_PMID = "50000001", "50000002", "50000003"


def made_article(dice: random.Random, pmid: int) -> str:
    """Return a synthetic article whose title holds a word of its own, `x` and its id."""
    topic, drug, place, kind = (dice.choice(words) for words in (_TOPICS, _DRUGS, _PLACES, _KINDS))
    year, number = dice.randint(1990, 2025), dice.randint(10, 9999)
    return f"""<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><Journal><JournalIssue>
<PubDate><Year>{year}</Year></PubDate></JournalIssue><Title>Journal of Made Results</Title></Journal>
<ArticleTitle>{drug.capitalize()} for {topic} in {place}: report x{pmid}.</ArticleTitle><Abstract>
<AbstractText Label="METHODS">We followed {number} people with {topic} in {place}.</AbstractText>
<AbstractText Label="RESULTS">{drug.capitalize()} changed the outcome in {number % 97} of them (p&lt;0.05).</AbstractText>
</Abstract><PublicationTypeList><PublicationType>{kind}</PublicationType></PublicationTypeList></Article>
</MedlineCitation></PubmedArticle>"""


def our_articles() -> list[str]:
    """Three records of ours: open in PMC, in PMC but closed, and not in PMC; the last one was retracted."""

    def record(pmid: str, title: str, pmc: str, kinds: str, more: str = "") -> str:
        pmc_id = f'<ArticleId IdType="pmc">PMC{pmc}</ArticleId>' if pmc else ""
        return f"""<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><Journal><ISSN>1234-5678</ISSN>
<JournalIssue><Volume>7</Volume><PubDate><Year>2021</Year><Month>Mar</Month><Day>4</Day></PubDate></JournalIssue>
<Title>Journal of Tests</Title></Journal><ArticleTitle>{title}</ArticleTitle><Abstract>
<AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">CO<sub>2</sub> and <i>E. coli</i> in jericho soil.</AbstractText>
<AbstractText Label="RESULTS" NlmCategory="RESULTS">Growth rose by 12% (P &lt; 0.001).</AbstractText></Abstract>
<Language>eng</Language><PublicationTypeList>{kinds}</PublicationTypeList></Article>{more}<MeshHeadingList>
<MeshHeading><DescriptorName MajorTopicYN="Y">Soil</DescriptorName></MeshHeading></MeshHeadingList>
</MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId>{pmc_id}</ArticleIdList>
</PubmedData></PubmedArticle>"""

    def kind(name: str) -> str:
        return f"<PublicationType>{name}</PublicationType>"

    trial = kind("Randomized Controlled Trial")
    notice = """<CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"><RefSource>J Test. 2022</RefSource>
<PMID>50000009</PMID></CommentsCorrections></CommentsCorrectionsList>"""
    return [
        record(OPEN_PMID, "Jericho soil trial", OPEN_PMC, trial),
        record(CLOSED_PMID, "Jericho walls review", CLOSED_PMC, kind("Systematic Review")),
        record(NO_PMC_PMID, "Jericho trumpets", "", trial + kind("Retracted Publication"), notice),
    ]


def our_paper(pmc: str, text: str = "") -> bytes:
    """Return a paper of PubMed Central; without a text it is one that may be shown but not handed out."""
    body = f"""<body><sec><title>Methods</title><p>Seven days.</p><sec><title>Walls</title>{text}</sec></sec>
<fig id="f1"><label>Figure 1</label><caption><title>Plan.</title><p>The city from above.</p></caption></fig>
<table-wrap><label>Table 1</label><caption><p>Heights.</p></caption><table><thead><tr><th>Wall</th><th>m</th></tr>
</thead><tbody><tr><td rowspan="2">North</td><td>4.5</td></tr><tr><td>4.7</td></tr></tbody></table></table-wrap>
</body>"""
    closed = "<!-- The publisher of this article does not allow downloading of the full text in XML form. -->"
    return f"""<article article-type="research-article"><front><article-meta><article-id pub-id-type="pmc">{pmc}</article-id>
<title-group><article-title>Of walls</article-title></title-group><permissions><license><license-p>CC BY 4.0
</license-p></license></permissions><abstract><p>In short.</p></abstract></article-meta></front>
{body if text else closed}</article>""".encode()


def summary_of(article: bytes) -> bytes:
    """Return the esummary entry of an article."""
    node = fromstring(article)
    pmid, title = node.findtext(".//PMID") or "", "".join(node.find(".//ArticleTitle").itertext())  # type: ignore[union-attr]
    return f"""<DocSum><Id>{pmid}</Id><Item Name="PubDate" Type="Date">{node.findtext(".//PubDate/Year") or ""}</Item>
<Item Name="Title" Type="String">{escape(title)}</Item><Item Name="HasAbstract" Type="Integer">1</Item>
</DocSum>""".encode()

"""Reading PubMed articles and book chapters: labels, inline markup, formulas and notices are all kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

from core.errors import unavailable
from knowledge.pubmed.record import RETRACTED, Author, OtherAbstract, PubMedRecord, Relation, Section
from knowledge.pubmed.xml_text import read_root, text_of, texts_at

_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_NOTICES = frozenset(
    {"RetractionIn", "PartialRetractionIn", "ExpressionOfConcernIn", "ErratumIn", "CorrectedandRepublishedIn",
     "RetractedandRepublishedIn", "UpdateIn", "RepublishedIn"}
)  # fmt: skip


def parse_records(body: bytes) -> list[PubMedRecord]:
    """Read an efetch reply of articles and book chapters; raises `unavailable` for what is not one."""
    return [record for record, _ in parse_with_xml(body)]


def parse_with_xml(body: bytes) -> list[tuple[PubMedRecord, bytes]]:
    """Read an efetch reply; each record comes with an article set of its own, as XML, to be kept."""
    root = read_root(body, "PubmedArticleSet", "PubmedArticle", "PubmedBookArticle")
    nodes = [root] if root.tag != "PubmedArticleSet" else list(root)
    return [(_read(node), _alone(node)) for node in nodes if node.tag in _READERS]


def _read(node: Element) -> PubMedRecord:
    return _article(node) if node.tag == "PubmedArticle" else _book(node)


def _alone(node: Element) -> bytes:
    return b"<PubmedArticleSet>" + bytes(tostring(node, encoding="utf-8")) + b"</PubmedArticleSet>"


_READERS = ("PubmedArticle", "PubmedBookArticle")


def _article(node: Element) -> PubMedRecord:
    citation = _need(node, "MedlineCitation")
    article = _need(citation, "Article")
    types = texts_at(article, "PublicationTypeList/PublicationType")
    relations = tuple(
        Relation(
            item.get("RefType", ""),
            text_of(item.find("RefSource")),
            text_of(item.find("PMID")),
            text_of(item.find("Note")),
        )
        for item in citation.iterfind("CommentsCorrectionsList/CommentsCorrections")
    )
    ids = [
        (item.get("IdType", ""), text_of(item))
        for item in node.iterfind("PubmedData/ArticleIdList/ArticleId")
    ]
    places = [(item.get("EIdType", ""), text_of(item)) for item in article.iterfind("ELocationID")]
    other_ids = [(item.get("Source", ""), text_of(item)) for item in citation.iterfind("OtherID")]
    title = text_of(article.find("ArticleTitle"))
    vernacular = text_of(article.find("VernacularTitle"))
    others = _other_abstracts(citation)
    people = _people(article.iterfind("AuthorList/Author"))
    issue = "Journal/JournalIssue/"
    return PubMedRecord(
        pmid=text_of(citation.find("PMID")),
        title=title or vernacular,
        abstract=_sections(article.find("Abstract")) or (others[0].sections if others else ()),
        journal=text_of(article.find("Journal/Title")) or text_of(article.find("Journal/ISOAbbreviation")),
        date=_date(article.find(f"{issue}PubDate")) or _date(article.find("ArticleDate")),
        authors=tuple(person.name for person in people if person.name),
        publication_types=types,
        mesh=_mesh(citation),
        doi=_id_of("doi", [*ids, *places]),
        pmc=_id_of("pmc", ids),
        language=", ".join(texts_at(article, "Language")),
        retracted=RETRACTED in types or any(link.kind == "RetractionIn" for link in relations),
        notices=tuple(link.text for link in relations if link.kind in _NOTICES),
        mesh_major=_mesh_major(citation),
        keywords=texts_at(citation, "KeywordList/Keyword"),
        substances=tuple(_substance(item) for item in citation.iterfind("ChemicalList/Chemical"))
        + texts_at(citation, "SupplMeshList/SupplMeshName"),
        journal_short=text_of(article.find("Journal/ISOAbbreviation"))
        or text_of(citation.find("MedlineJournalInfo/MedlineTA")),
        issn=text_of(article.find("Journal/ISSN"))
        or text_of(citation.find("MedlineJournalInfo/ISSNLinking")),
        volume=text_of(article.find(f"{issue}Volume")),
        issue=text_of(article.find(f"{issue}Issue")),
        pages=_pages(article),
        date_text=text_of(article.find(f"{issue}PubDate/MedlineDate"))
        or _season(article.find(f"{issue}PubDate")),
        electronic_date=_date(article.find("ArticleDate")),
        vernacular_title=vernacular,
        people=people,
        investigators=tuple(
            person.name for person in _people(citation.iterfind("InvestigatorList/Investigator"))
        ),
        other_abstracts=others,
        copyright=text_of(article.find("Abstract/CopyrightInformation")),
        grants=tuple(_joined(item) for item in article.iterfind("GrantList/Grant")),
        registrations=_registrations(article),
        relations=relations,
        references=tuple(_reference(item) for item in node.iterfind("PubmedData/ReferenceList//Reference")),
        conflict_of_interest=text_of(citation.find("CoiStatement")),
        ids=tuple(f"{kind}:{value}" for kind, value in dict.fromkeys([*ids, *places, *other_ids]) if value),
        notes=_notes(citation),
    )


def _book(outer: Element) -> PubMedRecord:
    node = _need(outer, "BookDocument")
    ids = [(item.get("IdType", ""), text_of(item)) for item in node.iterfind("ArticleIdList/ArticleId")]
    people = _people(node.iterfind("AuthorList/Author"))
    return PubMedRecord(
        pmid=text_of(node.find("PMID")),
        title=text_of(node.find("ArticleTitle")) or text_of(node.find("Book/BookTitle")),
        abstract=_sections(node.find("Abstract")),
        journal=text_of(node.find("Book/BookTitle")),
        date=_date(node.find("Book/PubDate")) or _date(node.find("ContributionDate")),
        authors=tuple(person.name for person in people if person.name),
        publication_types=texts_at(node, "PublicationType"),
        doi=_id_of("doi", ids),
        pmc=_id_of("pmc", ids),
        language=", ".join(texts_at(node, "Language")),
        keywords=texts_at(node, "KeywordList/Keyword"),
        people=people,
        investigators=tuple(person.name for person in _people(node.iterfind("Book/AuthorList/Author"))),
        copyright=text_of(node.find("Abstract/CopyrightInformation")),
        references=tuple(_reference(item) for item in node.iterfind("ReferenceList//Reference")),
        ids=tuple(f"{kind}:{value}" for kind, value in dict.fromkeys(ids) if value),
        notes=texts_at(node, "Book/Publisher/PublisherName") + texts_at(node, "Sections//SectionTitle"),
    )


def _need(node: Element, name: str) -> Element:
    found = node.find(name)
    if found is None:
        raise unavailable(f"PubMed sent a record without {name}", help="Try again in a minute.")
    return found


def _sections(node: Element | None) -> tuple[Section, ...]:
    parts = [] if node is None else node.iterfind("AbstractText")
    return tuple(
        Section(part.get("Label", ""), text, part.get("NlmCategory", ""))
        for part in parts
        if (text := text_of(part))
    )


def _other_abstracts(citation: Element) -> tuple[OtherAbstract, ...]:
    found = (
        OtherAbstract(item.get("Type", ""), item.get("Language", ""), _sections(item))
        for item in citation.iterfind("OtherAbstract")
    )
    return tuple(item for item in found if item.sections)


def _people(nodes: Iterable[Element]) -> tuple[Author, ...]:
    return tuple(
        Author(
            last=text_of(node.find("LastName")),
            fore=text_of(node.find("ForeName")),
            initials=text_of(node.find("Initials")),
            suffix=text_of(node.find("Suffix")),
            collective=text_of(node.find("CollectiveName")),
            affiliations=texts_at(node, "AffiliationInfo/Affiliation") + texts_at(node, "Affiliation"),
            ids=tuple(f"{item.get('Source', '')}:{text_of(item)}" for item in node.iterfind("Identifier")),
        )
        for node in nodes
    )


def _mesh(citation: Element) -> tuple[str, ...]:
    return tuple(
        "/".join([text_of(heading.find("DescriptorName")), *texts_at(heading, "QualifierName")])
        for heading in citation.iterfind("MeshHeadingList/MeshHeading")
    )


def _mesh_major(citation: Element) -> tuple[str, ...]:
    major = (
        text_of(heading.find("DescriptorName"))
        for heading in citation.iterfind("MeshHeadingList/MeshHeading")
        if any(part.get("MajorTopicYN") == "Y" for part in heading)
    )
    return tuple(name for name in major if name)


def _substance(item: Element) -> str:
    name, number = text_of(item.find("NameOfSubstance")), text_of(item.find("RegistryNumber"))
    return f"{name} ({number})" if number not in ("", "0") else name


def _registrations(article: Element) -> tuple[str, ...]:
    return tuple(
        f"{text_of(bank.find('DataBankName'))}:{number}"
        for bank in article.iterfind("DataBankList/DataBank")
        for number in texts_at(bank, "AccessionNumberList/AccessionNumber")
    )


def _reference(item: Element) -> str:
    ids = [f"{part.get('IdType', '')}:{text_of(part)}" for part in item.iterfind("ArticleIdList/ArticleId")]
    return " ".join([text_of(item.find("Citation")), *ids]).strip()


def _joined(item: Element) -> str:
    return ", ".join(text for part in item if (text := text_of(part)))


def _notes(citation: Element) -> tuple[str, ...]:
    people = _people(citation.iterfind("PersonalNameSubjectList/PersonalNameSubject"))
    return (
        texts_at(citation, "GeneralNote")
        + texts_at(citation, "GeneSymbolList/GeneSymbol")
        + texts_at(citation, "SpaceFlightMission")
        + tuple(person.name for person in people)
    )


def _id_of(kind: str, ids: list[tuple[str, str]]) -> str:
    return next((value for name, value in ids if name == kind and value), "")


def _pages(article: Element) -> str:
    pages = text_of(article.find("Pagination/MedlinePgn"))
    if pages:
        return pages
    ends = [text_of(article.find(f"Pagination/{end}Page")) for end in ("Start", "End")]
    return "-".join(end for end in ends if end)


def _season(node: Element | None) -> str:
    season = "" if node is None else text_of(node.find("Season"))
    return f"{text_of(node.find('Year'))} {season}" if season and node is not None else ""


def _date(node: Element | None) -> str:
    if node is None:
        return ""
    year = text_of(node.find("Year"))
    if not year:
        # `2000 Nov-Dec` and the like: the year is what is sure.
        found = re.search(r"\b(1[89]|20)\d{2}\b", text_of(node.find("MedlineDate")))
        return found.group() if found else ""
    month = text_of(node.find("Month"))
    number = int(month) if month.isdigit() else _MONTHS.get(month[:3].lower(), 0)
    if not 1 <= number <= 12:
        return year
    day = text_of(node.find("Day"))
    return f"{year}-{number:02d}" + (f"-{int(day):02d}" if day.isdigit() else "")

"""What a PubMed record holds, and how strong the kind of study that it reports is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

RETRACTED = "Retracted Publication"
# After the Oxford Centre for Evidence-Based Medicine's levels of evidence (2011), for treatment questions:
# 1 reviews of trials, 2 trials, 3 other studies with a comparison, 4 series and cases, 5 reasoning.
_LEVELS: tuple[tuple[int, str, frozenset[str]], ...] = (
    (
        1,
        "systematic review",
        frozenset({"Meta-Analysis", "Systematic Review", "Network Meta-Analysis", "Practice Guideline"}),
    ),
    (2, "randomised trial", frozenset({"Randomized Controlled Trial", "Equivalence Trial"})),
    (
        3,
        "controlled or cohort study",
        frozenset(
            {
                "Clinical Trial",
                "Clinical Trial, Phase I",
                "Clinical Trial, Phase II",
                "Clinical Trial, Phase III",
                "Clinical Trial, Phase IV",
                "Controlled Clinical Trial",
                "Pragmatic Clinical Trial",
                "Adaptive Clinical Trial",
                "Observational Study",
                "Comparative Study",
                "Multicenter Study",
                "Twin Study",
            }
        ),
    ),
    (4, "case report", frozenset({"Case Reports"})),
    (
        5,
        "review or opinion",
        frozenset({"Review", "Scoping Review", "Editorial", "Comment", "Letter", "Guideline", "News"})
        | {"Consensus Development Conference", "Personal Narrative", "Interview", "Lecture"},
    ),
)
# Designs that PubMed has no publication type for and indexes as MeSH headings.
_DESIGNS: tuple[tuple[int, str, frozenset[str]], ...] = (
    (3, "controlled or cohort study", frozenset({"Cohort Studies", "Prospective Studies",
     "Longitudinal Studies", "Follow-Up Studies"})),
    (4, "case-control or cross-sectional study", frozenset({"Case-Control Studies",
     "Cross-Sectional Studies", "Retrospective Studies"})),
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A part of an abstract with its label (`METHODS`), which is empty when there is none.

    `category` is the label of NLM's own scheme (`METHODS` for "Patients and Setting").
    """

    label: str
    text: str
    category: str = ""


@dataclass(frozen=True)
class OtherAbstract:
    """An abstract in another language or for other readers, such as a plain-language summary."""

    kind: str
    language: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Author:
    """An author as the record names them: a person's names, or a group in `collective`."""

    last: str = ""
    fore: str = ""
    initials: str = ""
    suffix: str = ""
    collective: str = ""
    affiliations: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """Identifiers with their source, for example `ORCID:0000-0002-1825-0097`."""

    @property
    def name(self) -> str:
        """The name as PubMed lists it: `Doe J Jr`."""
        return " ".join(part for part in (self.last, self.initials, self.suffix) if part) or self.collective


@dataclass(frozen=True)
class Relation:
    """A link to another record: a retraction, an erratum, a comment, an update."""

    kind: str
    source: str
    pmid: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The link in words."""
        words = f"{self.kind}: {self.source}" + (f" {self.note}" if self.note else "")
        return f"{words} (PMID {self.pmid})" if self.pmid else words


@dataclass(frozen=True)
class PubMedRecord:
    """A PubMed citation. `date` is ISO and as long as what is known (`2018`, `2018-05`, `2018-05-17`)."""

    pmid: str
    title: str
    abstract: tuple[Section, ...] = ()
    journal: str = ""
    date: str = ""
    authors: tuple[str, ...] = ()
    publication_types: tuple[str, ...] = ()
    mesh: tuple[str, ...] = ()
    """Headings with their qualifiers, `Asthma/drug therapy/genetics`."""
    doi: str = ""
    pmc: str = ""
    language: str = ""
    retracted: bool = False
    notices: tuple[str, ...] = ()
    """Retractions, concerns and errata that concern this record, as PubMed words them."""
    mesh_major: tuple[str, ...] = ()
    """The headings that the paper is mainly about."""
    keywords: tuple[str, ...] = ()
    substances: tuple[str, ...] = ()
    """Chemicals, with their registry number where there is one."""
    journal_short: str = ""
    issn: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    date_text: str = ""
    """The date as printed where it is not a plain one (`2000 Nov-Dec`)."""
    electronic_date: str = ""
    vernacular_title: str = ""
    people: tuple[Author, ...] = ()
    investigators: tuple[str, ...] = ()
    other_abstracts: tuple[OtherAbstract, ...] = ()
    copyright: str = ""
    grants: tuple[str, ...] = ()
    registrations: tuple[str, ...] = ()
    """Entries of trial registers and data banks, `ClinicalTrials.gov:NCT02149199`."""
    relations: tuple[Relation, ...] = ()
    references: tuple[str, ...] = ()
    """The papers it cites, with their ids where PubMed gives them."""
    conflict_of_interest: str = ""
    ids: tuple[str, ...] = ()
    """Every id with its kind, `doi:10.1056/NEJMoa1715274`."""
    notes: tuple[str, ...] = ()
    """NLM's general notes, personal name subjects, gene symbols, space flight missions."""

    @property
    def text(self) -> str:
        """The abstract as one text, each section under its label; the title when there is none."""
        parts = [f"{part.label}: {part.text}" if part.label else part.text for part in self.abstract]
        return "\n".join(parts) or self.title

    @property
    def url(self) -> str:
        """Where people read the record."""
        return f"https://pubmed.ncbi.nlm.nih.gov/{self.pmid}/"

    @property
    def evidence_level(self) -> str:
        """How strong this kind of study is, from its publication types; empty when they do not say."""
        return self.evidence_rank_and_level[1]

    @property
    def evidence_rank(self) -> int:
        """The level as a number from 1, strongest, to 5; 0 when it is unknown or the paper was retracted."""
        return self.evidence_rank_and_level[0]

    @property
    def evidence_rank_and_level(self) -> tuple[int, str]:
        """Rank and name; publication types first, then designs and species among the MeSH headings."""
        if self.retracted:
            return 0, "retracted"
        types = set(self.publication_types)
        for rank, level, names in _LEVELS[:4]:
            if types & names:
                return rank, level
        headings = {term.split("/")[0] for term in self.mesh}
        for rank, level, names in _DESIGNS:
            if headings & names:
                return rank, level
        if types & _LEVELS[4][2]:
            return _LEVELS[4][0], _LEVELS[4][1]
        if "Animals" in headings and "Humans" not in headings:
            return 5, "animal or laboratory study"
        return 0, ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values."""
        rank, level = self.evidence_rank_and_level
        return {
            **asdict(self),
            "text": self.text,
            "url": self.url,
            "evidence_level": level,
            "evidence_rank": rank,
        }

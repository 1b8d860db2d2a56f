"""Recorded payloads: every text of every file comes through, and Biopython reads the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.pubmed.check import check_file
from knowledge.pubmed.entrez import parse_links, parse_search, parse_summaries, read_entrez
from knowledge.pubmed.files import files_under, parse_medline, read_file

UNREADABLE = {"einfo4.xml", "epost2.xml", "epost3.xml", "esummary8.xml"}
"""Cut short, and replies that say the request was refused: Biopython refuses them too."""


@pytest.mark.data
def test_nothing_of_any_recorded_payload_is_lost(data_root: Path) -> None:
    paths = list(files_under([data_root / "pubmed_xml"]))
    assert len(paths) >= 47
    texts = 0
    for path in paths:
        report = check_file(path)
        assert report["lost"] == [], path.name
        assert (report["kind"] == "unreadable") == (path.name in UNREADABLE), report
        texts += report["texts"]
    assert texts > 9000


@pytest.mark.data
def test_every_payload_that_biopython_reads_agrees_with_it(data_root: Path) -> None:
    reports = {path.name: check_file(path) for path in files_under([data_root / "pubmed_xml"])}
    agreeing = [name for name, report in reports.items() if report["biopython"] == "agrees"]
    assert len(agreeing) >= 30
    assert not [name for name, report in reports.items() if report["biopython"] == "differs"]


def test_a_text_that_was_lost_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>5</PMID><Article>"
        "<ArticleTitle>A title</ArticleTitle>"
        "<NewField>of another year</NewField></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    assert check_file(path)["lost"] == ["of another year"]


def test_a_file_of_another_kind_or_a_cut_one_is_told(tmp_path: Path) -> None:
    cut, other = tmp_path / "cut.xml", tmp_path / "other.txt"
    cut.write_text("<PubmedArticleSet><PubmedArticle>")
    other.write_text("Dear diary")
    assert "not whole XML" in read_file(cut)["error"]
    assert "Neither XML nor MEDLINE" in read_file(other)["error"]


def test_medline_text_keeps_labels_dates_and_retractions() -> None:
    [record] = parse_medline(
        "\nPMID- 77\nTI  - A long\n      title.\nDP  - 2009 Mar 4\nAB  - BACKGROUND: We asked. METHODS AND"
        " RESULTS: We saw 3.\nFAU - Doe, Jane\nAU  - Doe J\nPT  - Retracted Publication\nJT  - Tests\n"
        "RIN - J Test. 2010\nMH  - *Soil/chemistry\nAID - 10.1/x [doi]\n\n"
    )
    assert (record.pmid, record.title, record.date, record.doi) == (
        "77",
        "A long title.",
        "2009-03-04",
        "10.1/x",
    )
    assert record.text == "BACKGROUND: We asked.\nMETHODS AND RESULTS: We saw 3."
    assert record.retracted
    assert record.notices == ("RetractionIn: J Test. 2010",)
    assert record.mesh_major == ("Soil",)


def test_replies_without_a_declaration_or_with_a_foreign_dtd_are_read_and_nothing_is_fetched() -> None:
    plain = b"<eSearchResult><Count>2</Count><IdList><Id>1</Id><Id>2</Id></IdList></eSearchResult>"
    foreign = b'<!DOCTYPE eSearchResult SYSTEM "http://127.0.0.1:9/evil.dtd">' + plain
    commented = b"<?xml version='1.0' encoding='iso-8859-1'?><!-- hello --><!DOCTYPE eSearchResult>" + plain
    for body in (plain, foreign, commented):
        assert parse_search(body).ids == ("1", "2")


def test_warnings_links_and_summaries_are_typed() -> None:
    body = b"""<eSearchResult><Count>0</Count><IdList/><QueryTranslation>x</QueryTranslation><ErrorList>
<PhraseNotFound>zzz</PhraseNotFound></ErrorList></eSearchResult>"""
    assert parse_search(body).warnings == ("PhraseNotFound: zzz",)
    links = b"""<eLinkResult><LinkSet><DbFrom>pubmed</DbFrom><IdList><Id>1</Id></IdList>
<LinkSetDb><DbTo>pubmed</DbTo>
<LinkName>pubmed_pubmed</LinkName><Link><Id>1</Id></Link><Link><Id>7</Id></Link></LinkSetDb></LinkSet>
</eLinkResult>"""
    assert parse_links(links) == {"pubmed_pubmed": ("1", "7")}
    [summary] = parse_summaries(
        b"""<eSummaryResult><DocSum><Id>1</Id><Item Name="PubDate" Type="Date">2001</Item>
<Item Name="AuthorList" Type="List"><Item Name="Author" Type="String">Doe J</Item></Item>
<Item Name="Title" Type="String">T</Item><Item Name="PmcRefCount" Type="Integer">3</Item>
</DocSum></eSummaryResult>"""
    )
    assert (summary.title, summary.authors, summary.cited_by) == ("T", ("Doe J",), 3)


def test_a_refused_request_is_told_in_the_servers_words() -> None:
    from core.errors import VidenceError

    with pytest.raises(VidenceError, match="Empty ID list") as caught:
        read_entrez(b"<ePostResult><ERROR>Empty ID list</ERROR></ePostResult>")
    assert not caught.value.retryable

"""The PubMed client: nothing in a record is lost, the rate holds, failures are typed and soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from core.errors import VidenceError
from knowledge.limits.rate import FileSlots, SharedLimiter
from knowledge.pubmed import transport as module
from knowledge.pubmed.articles import parse_records
from knowledge.pubmed.client import PubMed
from knowledge.pubmed.entrez import parse_search
from knowledge.pubmed.transport import EntrezHttp

ARTICLE = b"""<?xml version="1.0" ?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2019//EN" "https://dtd.nlm.nih.gov/x.dtd">
<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="1">101</PMID><Article>
<Journal><JournalIssue><PubDate><Year>2018</Year><Month>May</Month><Day>7</Day></PubDate></JournalIssue>
<Title>Journal of Tests</Title></Journal>
<ArticleTitle>H<sub>2</sub>O and <i>in vitro</i> effects</ArticleTitle>
<Abstract><AbstractText Label="METHODS">We used
  <mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"> <mml:mi> V </mml:mi>
  <mml:mn> 2 </mml:mn> </mml:math> units.</AbstractText>
<AbstractText Label="RESULTS">P &lt; 0.001; no effusion.</AbstractText></Abstract>
<AuthorList><Author><LastName>Doe</LastName><Initials>J</Initials></Author>
<Author><CollectiveName>Test Group</CollectiveName></Author></AuthorList><Language>eng</Language>
<PublicationTypeList><PublicationType>Randomized Controlled Trial</PublicationType>
<PublicationType>Retracted Publication</PublicationType></PublicationTypeList></Article>
<CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"><RefSource>J Test. 2020</RefSource>
<PMID>202</PMID></CommentsCorrections></CommentsCorrectionsList>
<MeshHeadingList><MeshHeading><DescriptorName>Water</DescriptorName>
<QualifierName>chemistry</QualifierName></MeshHeading></MeshHeadingList></MedlineCitation>
<PubmedData><ArticleIdList><ArticleId IdType="doi">10.1/x</ArticleId></ArticleIdList></PubmedData>
</PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>102</PMID><Article><Journal><JournalIssue><PubDate>
<MedlineDate>1998 Nov-Dec</MedlineDate></PubDate></JournalIssue></Journal>
<ArticleTitle>No abstract.</ArticleTitle></Article></MedlineCitation></PubmedArticle>
<PubmedBookArticle><BookDocument><PMID>103</PMID><Book><BookTitle>GeneReviews</BookTitle><PubDate><Year>1993</Year>
</PubDate></Book><ArticleTitle>A chapter</ArticleTitle><Abstract><AbstractText>Text.</AbstractText></Abstract>
</BookDocument></PubmedBookArticle></PubmedArticleSet>"""


def search_reply(*ids: str) -> bytes:
    body = "".join(f"<Id>{id_}</Id>" for id_ in ids)
    return f"<eSearchResult><Count>{len(ids)}</Count><IdList>{body}</IdList></eSearchResult>".encode()


Handler = Callable[[str, dict[str, str]], httpx.Response]


def client_of(handler: Handler, tmp_path: Path) -> PubMed:
    def answer(request: httpx.Request) -> httpx.Response:
        form = {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
        return handler(request.url.path.rpartition("/")[2], form)

    limiter = SharedLimiter(FileSlots(tmp_path / "rate.json", 1000))
    http = EntrezHttp(
        "http://pubmed.test/eutils",
        limiter,
        identity={"tool": "vidence"},
        transport=httpx.MockTransport(answer),
    )
    return PubMed(http)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACKOFF_S", 0.001)


def test_labels_markup_formulas_retractions_and_dates_are_kept() -> None:
    first, second, chapter = parse_records(ARTICLE)
    assert first.title == "H2O and in vitro effects"
    assert first.text == "METHODS: We used V2 units.\nRESULTS: P < 0.001; no effusion."
    assert (first.journal, first.date, first.doi) == ("Journal of Tests", "2018-05-07", "10.1/x")
    assert first.authors == ("Doe J", "Test Group")
    assert first.mesh == ("Water/chemistry",)
    assert first.retracted
    assert first.notices == ("RetractionIn: J Test. 2020 (PMID 202)",)
    assert (first.evidence_rank, first.evidence_level) == (0, "retracted")
    assert (second.text, second.date, second.retracted) == ("No abstract.", "1998", False)
    assert (chapter.pmid, chapter.journal, chapter.date) == ("103", "GeneReviews", "1993")


async def test_a_search_returns_records_in_pubmeds_order(tmp_path: Path) -> None:
    def handler(tool: str, form: dict[str, str]) -> httpx.Response:
        assert form["tool"] == "vidence"
        if tool == "esearch.fcgi":
            assert (form["term"], form["retmax"], form["sort"]) == ("water effects", "5", "relevance")
            return httpx.Response(200, content=search_reply("103", "101"))
        assert form["id"] == "103,101"
        return httpx.Response(200, content=ARTICLE)

    found = await client_of(handler, tmp_path).search("water effects", 5)
    assert [record.pmid for record in found.records] == ["103", "101"]


async def test_a_question_that_finds_nothing_is_asked_again_with_fewer_words(tmp_path: Path) -> None:
    asked: list[str] = []

    def handler(tool: str, form: dict[str, str]) -> httpx.Response:
        if tool == "efetch.fcgi":
            return httpx.Response(200, content=ARTICLE)
        asked.append(form["term"])
        return httpx.Response(200, content=search_reply("101") if "[" not in form["term"] else search_reply())

    found = await client_of(handler, tmp_path).search("Does water cause rust?")
    assert asked[0] == '("water"[MeSH Terms] OR water) AND cause AND ("rust"[MeSH Terms] OR rust)'
    assert found.used == asked[-1] == "water OR rust"
    assert found.step == "any of the words"
    assert [wording for wording, _ in found.tried] == asked
    assert len(found.records) == 1


@pytest.mark.parametrize(
    "bad",
    [
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.Response(500),
        httpx.Response(200, content=ARTICLE[:700]),
        httpx.Response(200, text="<html><body>busy</body></html>"),
    ],
    ids=["429", "500", "truncated", "html"],
)
async def test_a_passing_failure_is_asked_again_and_a_lasting_one_is_typed(
    tmp_path: Path, bad: httpx.Response
) -> None:
    replies = [bad, httpx.Response(200, content=ARTICLE)]
    client = client_of(lambda *_: replies.pop(0), tmp_path)
    assert len(await client.fetch(["101"])) == 1
    calls = 0

    def always(*_: object) -> httpx.Response:
        nonlocal calls
        calls += 1
        return bad

    with pytest.raises(VidenceError) as caught:
        await client_of(always, tmp_path).fetch(["101"])
    assert caught.value.kind == ("rate_limited" if bad.status_code == 429 else "unavailable")
    assert caught.value.retryable
    assert calls == 4


async def test_the_wait_that_the_server_asks_for_is_kept(tmp_path: Path) -> None:
    replies = [httpx.Response(429, headers={"Retry-After": "0.3"}), httpx.Response(200, content=ARTICLE)]
    start = time.perf_counter()
    await client_of(lambda *_: replies.pop(0), tmp_path).fetch(["101"])
    assert time.perf_counter() - start >= 0.3


async def test_offline_is_told_at_once_without_asking_again(tmp_path: Path) -> None:
    calls = 0

    def refuse(*_: object) -> httpx.Response:
        nonlocal calls
        calls += 1
        raise httpx.ConnectError("no route")

    with pytest.raises(VidenceError, match="cannot be reached") as caught:
        await client_of(refuse, tmp_path).search("water")
    assert (caught.value.kind, calls) == ("unavailable", 1)


async def test_what_is_not_an_id_is_refused_and_unknown_ids_are_not_found(tmp_path: Path) -> None:
    client = client_of(lambda *_: httpx.Response(200, content=b"<PubmedArticleSet/>"), tmp_path)
    with pytest.raises(VidenceError, match="Not a PubMed id"):
        await client.fetch(["101&db=evil"])
    with pytest.raises(VidenceError) as caught:
        await client.fetch(["999"])
    assert caught.value.kind == "not_found"


def test_an_entity_bomb_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><PubmedArticleSet>&y;</PubmedArticleSet>'
    with pytest.raises(VidenceError):
        parse_records(bomb)


@pytest.mark.data
def test_real_payloads_lose_nothing(data_root: Path) -> None:
    from Bio import Entrez

    checked = 0
    for path in sorted((data_root / "pubmed_xml").rglob("pubmed*.xml")):
        body = path.read_bytes()
        if b"<PubmedArticleSet" not in body[:1000]:
            continue
        records = parse_records(body)
        with path.open("rb") as handle:
            theirs = Entrez.read(handle)["PubmedArticle"]
        assert [record.pmid for record in records] == [
            str(item["MedlineCitation"]["PMID"]) for item in theirs
        ]
        for record, item in zip(records, theirs, strict=True):
            article = item["MedlineCitation"]["Article"]
            checked += 1
            assert letters(record.title) == letters(article["ArticleTitle"])
            abstract = article.get("Abstract", {}).get("AbstractText", [])
            assert [part.label for part in record.abstract] == [
                str(getattr(part, "attributes", {}).get("Label", "")) for part in abstract
            ]
            assert list(record.publication_types) == [str(kind) for kind in article["PublicationTypeList"]]
            headings = item["MedlineCitation"].get("MeshHeadingList", [])
            assert [term.split("/")[0] for term in record.mesh] == [
                str(term["DescriptorName"]) for term in headings
            ]
            for part, text in zip(record.abstract, abstract, strict=True):
                assert letters(part.text) == letters(text)
    assert checked >= 6


@pytest.mark.data
def test_real_searches_are_read(data_root: Path) -> None:
    reply = parse_search((data_root / "pubmed_xml" / "entrez" / "esearch3.xml").read_bytes())
    assert reply.count == 2651
    assert reply.ids[0] == "11121077"
    assert '"97"[Volume]' in reply.translation


def letters(text: object) -> str:
    """Return a text without markup and white space: Biopython keeps inline tags in its strings."""
    import re

    return "".join(re.sub(r"<[^<>]*>", "", str(text)).split())

"""Full text by section: nothing of a paper is lost, floats stand apart, closed papers are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.errors import VidenceError
from core.settings import Settings
from knowledge.pubmed.client import PubMed, open_pubmed
from knowledge.pubmed.full_text import parse_full_text
from tests.support.eutils import ReplayServer
from tests.support.eutils_payloads import CLOSED_PMID, NO_PMC_PMID, OPEN_PMID
from tests.support.eutils_store import make_store

PAPER = b"""<pmc-articleset><article xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:mml="http://www.w3.org/1998/Math/MathML"><front><article-meta>
<article-id pub-id-type="pmid">77</article-id><article-id pub-id-type="pmc">PMC88</article-id>
<title-group><article-title>On H<sub>2</sub>O</article-title></title-group><permissions>
<license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Open.</license-p></license></permissions>
<abstract><sec><title>Aim</title><p>To see.</p></sec></abstract></article-meta></front>
<body><p>First words.</p><sec><label>1</label><title>Methods</title><p>We saw <fig id="f"><label>Fig 1</label>
<caption><p>A curve.</p></caption></fig>it, at
<mml:math><mml:mi>x</mml:mi> <mml:mo>=</mml:mo> <mml:mn>2</mml:mn>
</mml:math>.</p>
<list><list-item><label>a)</label><p>one</p></list-item><list-item><p>two</p></list-item></list>
<sec><title>Deeper</title><p>Deep words.</p></sec></sec>
<table-wrap><label>Table 1</label><caption><title>Doses</title></caption><table>
<thead><tr><th colspan="2">Dose</th>
<th>n</th></tr></thead>
<tbody><tr><td rowspan="2">low</td><td>1 mg</td><td>4</td></tr><tr><td>2 mg</td><td>5</td>
</tr></tbody></table><table-wrap-foot><fn><label>*</label><p>Rounded.</p></fn></table-wrap-foot>
</table-wrap></body>
<back><ack><p>Thanks.</p></ack>
<ref-list><ref><mixed-citation>Doe J. 2001.</mixed-citation></ref></ref-list></back>
<sub-article article-type="reply"><body><p>We reply.</p></body></sub-article></article></pmc-articleset>"""


def test_a_paper_is_read_by_section_with_floats_apart() -> None:
    paper = parse_full_text(PAPER)
    assert (paper.pmid, paper.pmc, paper.title) == ("77", "PMC88", "On H2O")
    assert paper.licence == "https://creativecommons.org/licenses/by/4.0/ Open."
    assert [(part.title, part.text) for part in paper.sections] == [
        ("Abstract > Aim", "To see."),
        ("", "First words."),
        ("1 Methods", "We saw it, at x=2.\na)\none\ntwo"),
        ("1 Methods > Deeper", "Deep words."),
        ("Acknowledgements", "Thanks."),
        ("Reply", "We reply."),
    ]
    assert [(item.label, item.caption) for item in paper.figures] == [("Fig 1", "A curve.")]
    [table] = paper.tables
    assert (table.label, table.caption, table.notes) == ("Table 1", "Doses", "*\nRounded.")
    assert table.text == "Dose | Dose | n\nlow | 1 mg | 4\nlow | 2 mg | 5"
    assert paper.references == ("Doe J. 2001.",)


@pytest.mark.parametrize("rows", ["999999999", "-3", "two", "0"])
def test_a_hostile_span_makes_no_endless_table(rows: str) -> None:
    body = PAPER.replace(b'rowspan="2"', f'rowspan="{rows}" colspan="{rows}"'.encode())
    [table] = parse_full_text(body).tables
    assert max(map(len, table.rows)) < 300


def opened(server: ReplayServer, home: Path) -> PubMed:
    return open_pubmed(Settings(home=home, pubmed_api_key="k"), base_url=server.url)


def test_open_text_is_found_by_its_pubmed_id_its_pmc_id_and_its_link(tmp_path: Path) -> None:
    store = make_store()
    store.links["123456", "pubmed_pmc"] = ["9000001"]
    with ReplayServer(store) as server:
        client = opened(server, tmp_path)
        by_record = asyncio.run(client.full_text(OPEN_PMID))
        assert "All walls fell." in by_record.text
        assert by_record.pmid == OPEN_PMID
        calls = len(server.calls)
        assert asyncio.run(client.full_text("PMC9000001")).sections == by_record.sections
        assert len(server.calls) == calls, "the text was kept"
        linked = asyncio.run(client.full_text("123456"))
        assert linked.sections == by_record.sections


@pytest.mark.parametrize(
    ("pmid", "why"), [(CLOSED_PMID, "publisher"), (NO_PMC_PMID, "not in PubMed Central")]
)
def test_a_closed_text_is_unavailable_and_not_worth_another_try(tmp_path: Path, pmid: str, why: str) -> None:
    with ReplayServer() as server, pytest.raises(VidenceError, match=why) as caught:
        asyncio.run(opened(server, tmp_path).full_text(pmid))
    assert caught.value.kind == "unavailable"
    assert not caught.value.retryable
    assert "--full-text" in caught.value.help


def test_unknown_papers_are_not_found(tmp_path: Path) -> None:
    with ReplayServer() as server:
        client = opened(server, tmp_path)
        with pytest.raises(VidenceError) as caught:
            asyncio.run(client.full_text("999"))
        assert caught.value.kind == "not_found"
        with pytest.raises(VidenceError, match="no such paper"):
            asyncio.run(client.full_text("PMC999"))

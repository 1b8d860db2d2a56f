"""The shipped file of known failures: each row is a whole sample of a suite that needs no public data."""

from __future__ import annotations

from core.settings import Settings
from evals.run.registry import Place, suites
from evals.run.sample import Output
from evals.suites.known_failures import NAME, read_known_failures


def test_every_known_failure_is_a_sample_of_a_suite_of_ours_and_says_what_went_wrong() -> None:
    known = suites().suites
    samples = known[NAME].samples(Place(Settings()))
    rows = read_known_failures()
    assert len(samples) == len(rows) > 0
    for row in rows:
        assert known[row.suite].needs is None
        assert row.note.endswith(".")
        assert row.since.count("-") == 2


def test_each_is_scored_by_the_suite_that_it_is_of() -> None:
    suite = suites().suites[NAME]
    scorer = suite.scorers[0].one
    assert scorer is not None
    silent = {"status": "abstained", "short": "", "text": "", "cited": [], "citations": [], "invented": []}
    for sample in suite.samples(Place(Settings())):
        pair = {"before": silent, "after": silent}
        answer = pair if "before" in sample.input else silent
        assert scorer(sample, Output(answer=answer)) == 0.0, sample.id

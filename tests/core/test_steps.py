"""A step's record is what the contract reads, and an error says that it did not end well."""

from __future__ import annotations

from core.contracts import StepRecord
from core.steps import step


def test_a_record_has_the_fields_of_the_contract_and_an_error_is_not_ok() -> None:
    good, bad = step("act", "read", ms=1.5), step("draft", "chat", error="timeout")
    assert list(good) == list(StepRecord.model_fields)
    assert StepRecord.model_validate(good) == StepRecord(node="act", tool="read", ms=1.5)
    assert StepRecord.model_validate(bad) == StepRecord(
        node="draft", tool="chat", ok=False, error_kind="timeout"
    )

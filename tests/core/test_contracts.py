"""Contracts are frozen, ids are content hashes, and the published schemas are the code's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.contracts import Contract, Evidence, Locator, RunResult, Usage
from core.schemas import EXPORTED, schema_path, schema_text


@pytest.mark.parametrize("contract", EXPORTED, ids=lambda c: c.__name__)
def test_the_published_schema_is_the_current_one(contract: type[Contract]) -> None:
    assert schema_path(contract).read_text() == schema_text(contract), "run `make schemas`"


def evidence(**changes: object) -> Evidence:
    values: dict[str, object] = {
        "kind": "ocr",
        "source": "a.png",
        "content": "x",
        "locator": {"box": [0, 0, 1, 1]},
    }
    return Evidence.model_validate({**values, **changes})


def test_the_id_follows_kind_source_locator_and_content_and_nothing_else() -> None:
    base = evidence()
    assert evidence(score=0.5, retrieved_at="later", tool="t").id == base.id
    for change in (
        {"kind": "chart"},
        {"source": "b.png"},
        {"content": "y"},
        {"locator": Locator(box=(0, 0, 1, 2))},
    ):
        assert evidence(**change).id != base.id


def test_a_contract_refuses_unknown_fields_and_changes() -> None:
    with pytest.raises(ValidationError):
        evidence(made_up=1)
    with pytest.raises(ValidationError):
        evidence().content = "changed"  # type: ignore[misc]


@given(st.integers(0, 99), st.integers(0, 99))
def test_usage_adds_field_by_field(calls: int, tokens: int) -> None:
    total = Usage(tool_calls=calls) + Usage(tool_calls=1, tokens_in=tokens)
    assert (total.tool_calls, total.tokens_in) == (calls + 1, tokens)


def test_the_result_prints_exactly_the_published_keys() -> None:
    body = RunResult(run_id="r", thread_id="t", status="done", question="q", profile="general").to_json()
    assert list(body) == [
        "run_id", "thread_id", "status", "question", "profile", "answer", "short_answer",
        "answer_type", "abstain_reason", "confidence", "uncertainty", "citations", "claims",
        "evidence", "plan", "steps", "usage", "models", "prompts",
    ]  # fmt: skip

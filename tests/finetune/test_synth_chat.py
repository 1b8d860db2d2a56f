"""What a chat model writes is kept only where the truth confirms it, and no call is paid twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel

from core.errors import VidenceError, unavailable
from core.prices import Price
from finetune.data.dataset import Dataset
from finetune.synth.chat.caller import ChatCaller
from finetune.synth.chat.charts import ChatChart, ChatChartMaker, ChatQuestion, check_data, checked
from finetune.synth.run import synthesise
from finetune.synth.scans import (
    Item,
    Scan,
    ScanMaker,
    ScanQuestion,
    refuse_untried,
    run_trial,
    template_questions,
    truths_of,
)
from finetune.synth.tables import Table, made_table
from models.chat import ChatReply


class Scripted:
    """A chat model that answers from a function."""

    name = "scripted"

    def __init__(self, answer: Any) -> None:
        self.answer, self.calls = answer, 0

    async def complete(self, messages: Sequence[Any], schema: type[BaseModel] | None = None) -> ChatReply:
        self.calls += 1
        reply = self.answer(messages, self.calls)
        if isinstance(reply, Exception):
            raise reply
        return ChatReply(text="", parsed=reply, tokens_in=1000, tokens_out=100)


class Word(BaseModel):
    word: str


TABLE = Table(
    title="T",
    x="Town",
    y="Rain",
    categories=("Arden", "Brill", "Colm"),
    series=("North",),
    values=((3.0, 9.0, 5.5),),
)


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_the_same_question_is_never_paid_twice_even_after_a_kill(tmp_path: Path) -> None:
    model = Scripted(lambda m, n: Word(word=f"w{n}"))
    first = ChatCaller(model, tmp_path / "calls.jsonl", price=Price(tokens_in=2.0, tokens_out=10.0))
    assert first.ask(ask("a"), Word).word == "w1"
    with (tmp_path / "calls.jsonl").open("a") as file:
        file.write('{"key": "cut sho')
    again = ChatCaller(model, tmp_path / "calls.jsonl")
    assert again.ask(ask("a"), Word).word == "w1"
    assert model.calls == 1
    assert (first.spent.cost, again.spent.reused) == (0.003, 1)
    assert first.spent.times(100).cost == 0.3


def test_calls_keep_to_the_rate(tmp_path: Path) -> None:
    now = [0.0]
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    caller = ChatCaller(
        Scripted(lambda m, n: Word(word="w")),
        tmp_path / "c",
        per_minute=30,
        clock=lambda: now[0],
        sleep=sleep,
    )
    for number in range(4):
        caller.ask(ask(str(number)), Word)
    assert waited == [2.0, 2.0, 2.0]


def test_a_limited_model_is_waited_for_and_one_that_is_down_stops_the_run(tmp_path: Path) -> None:
    waits: list[float] = []
    limited = VidenceError("rate_limited", "slow down")
    model = Scripted(lambda m, n: limited if n < 3 else Word(word="w"))
    assert ChatCaller(model, tmp_path / "a", sleep=waits.append).ask(ask("x"), Word).word == "w"
    assert waits == [5.0, 10.0]
    down = ChatCaller(Scripted(lambda m, n: unavailable("Cannot reach it")), tmp_path / "b")
    with pytest.raises(VidenceError, match="Cannot reach"):
        down.ask(ask("x"), Word)
    refused = ChatCaller(Scripted(lambda m, n: VidenceError("blocked", "bad key")), tmp_path / "c")
    with pytest.raises(VidenceError) as caught:
        refused.ask(ask("x"), Word)
    assert caught.value.kind == "unavailable"


@pytest.mark.parametrize(
    ("op", "answer", "more", "kept"),
    [
        ("highest", "Brill", {}, True),
        ("highest", "Colm", {}, False),
        ("lowest", "Arden", {"series": "North"}, True),
        ("value", "5.5", {"category": "Colm"}, True),
        ("value", "5,5", {"category": "Colm"}, False),
        ("value", "5.5", {"category": "Nowhere"}, False),
        ("count", "3", {}, True),
        ("count", "4", {}, False),
        ("compare", "Yes.", {"category": "Brill", "other": "Colm"}, True),
        ("compare", "yes", {"category": "Arden", "other": "Colm"}, False),
        ("trend", "mixed", {}, True),
        ("trend", "up", {}, False),
    ],
)
def test_a_models_question_about_a_chart_stays_only_if_the_table_agrees(
    op: Any, answer: str, more: dict[str, str], kept: bool
) -> None:
    asked = ChatQuestion(question="Which one is it?", answer=answer, op=op, **more)
    assert (checked(asked, TABLE) is not None) == kept


def test_code_without_the_tables_numbers_or_names_is_refused() -> None:
    check_data("x = ['Arden', 'Brill', 'Colm']\ny = [3, 9, 5.5]", TABLE)
    for code in ("x = ['Arden', 'Brill', 'Colm']\ny = [3, 9, 5]", "y = [3, 9, 5.5]"):
        with pytest.raises(VidenceError, match="data"):
            check_data(code, TABLE)


def chart_reply(table: Table, good: bool) -> ChatChart:
    code = (
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(figsize=(2, 2))\n"
        f"ax.bar({list(table.categories)!r}, {list(table.values[0])!r})\n"
        f"rest = {[list(row) for row in table.values]!r}\n"
    )
    code += "" if good else "import os\nos.system('true')\n"
    right = ChatQuestion(question="How many towns are there?", answer=str(len(table.categories)), op="count")
    wrong = ChatQuestion(question="How many are there?", answer="99", op="count")
    return ChatChart(code=code, questions=[right, wrong])


def test_a_models_chart_is_drawn_in_the_sandbox_and_bad_code_is_a_reported_skip(tmp_path: Path) -> None:
    def answer(messages: Sequence[Any], number: int) -> ChatChart:
        import json

        body = json.loads(messages[1]["content"].split("Table: ")[1].split("\nDraw")[0])
        series = tuple(body["series"])
        rows = tuple(tuple(body["series"][name]) for name in series)
        names = tuple(body["categories"])
        table = Table(title="", x="", y="", categories=names, series=series, values=rows)
        return chart_reply(table, good=number != 2)

    caller = ChatCaller(Scripted(answer), tmp_path / "calls.jsonl")
    data = Dataset(tmp_path / "d")
    report = synthesise(
        data, "d", lambda: ChatChartMaker(caller, 0, tmp_path / "fonts", shares=(1, 0, 0)), 3, {"maker": "x"}
    )
    assert report.record.rows == {"train": 2}
    (reason,) = report.skipped
    assert reason.startswith("blocked: Line")


def test_tables_for_a_model_do_not_change_with_the_seed_of_others() -> None:
    one = made_table(Random("a"), "train", categories=4, series=1)
    assert one == made_table(Random("a"), "train", categories=4, series=1)


GUN = Item(name="gun", box=(0.0, 0.0, 20.0, 20.0))
KNIFE = Item(name="knife", box=(70.0, 70.0, 95.0, 95.0))


def scan(name: str, *items: Item, exhaustive: bool = True) -> Scan:
    return Scan(image=name, items=items, exhaustive=exhaustive)


def test_templates_ask_three_kinds_and_place_items_by_their_boxes() -> None:
    asked = template_questions(scan("a", GUN, KNIFE), 100, 100, ["gun", "knife", "pliers"])
    answers = {(q.kind, q.question): q.answers[0] for q in asked}
    assert {"threat", "which", "where", "count"} <= {kind for kind, _ in answers}
    assert answers["which", "Which prohibited items are in this scan?"] == "gun, knife"
    assert answers["where", "Where is the knife in this scan?"] == "lower right"
    assert ("item", "Is there pliers in this scan?") in answers


def test_labels_that_are_not_complete_never_make_a_no_or_a_full_list() -> None:
    asked = template_questions(scan("a", GUN, exhaustive=False), 100, 100, ["gun", "knife"])
    assert "no" not in {q.answers[0] for q in asked}
    assert not {"which", "count"} & {q.kind for q in asked}
    assert template_questions(scan("a", exhaustive=False), 100, 100, ["gun"]) == []


def test_a_models_answers_are_held_against_the_labels() -> None:
    whole = scan("a", GUN, KNIFE)

    def truths(kind: Any, item: str = "", of: Scan = whole) -> tuple[str, ...]:
        return truths_of(ScanQuestion(kind=kind, question="What is it?", answer="x", item=item), of, 100, 100)

    assert truths("threat") == ("yes",)
    assert truths("threat", of=scan("b", exhaustive=False)) == ()
    assert "knife, gun" in truths("which")
    assert truths("where", "gun") == ("upper left", "1")
    assert truths("where", "rifle") == ()


def test_a_trial_tells_agreement_and_a_whole_run_needs_one(tmp_path: Path) -> None:
    from finetune.synth.scans import ScanQuestions

    Image.new("RGB", (100, 100), "white").save(tmp_path / "a.png")
    Image.new("RGB", (100, 100), "gray").save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"nothing")

    def answer(messages: Any, number: int) -> ScanQuestions:
        yes = ScanQuestion(kind="threat", question="Is it dangerous?", answer="yes")
        return ScanQuestions(
            questions=[yes, ScanQuestion(kind="which", question="Which items?", answer="gun")]
        )

    scans = [scan("a.png", GUN), scan("b.png", KNIFE), scan("c.png", GUN), scan("gone.png", GUN)]
    maker = ScanMaker(scans, tmp_path, "research", ChatCaller(Scripted(answer), tmp_path / "calls.jsonl"))
    agreement, broken = run_trial(maker)
    assert (agreement.scans, agreement.questions, agreement.right) == (2, 4, 3)
    assert agreement.wrong == {"which": 1}
    assert sum(broken.values()) == 2
    with pytest.raises(VidenceError, match="trial"):
        refuse_untried(tmp_path / "trial.json", "options")

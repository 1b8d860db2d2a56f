"""The chat page in a real Chromium: asking, sources, images, stopping, rating, history, barriers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.server.test_tokens_stream import LIE, QUOTE, reply, speaking
from tests.support.live_server import SlowSearch, live, until
from tests.support.scripted_openai import Canned

pytestmark = [pytest.mark.browser]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with live(tmp_path_factory.mktemp("page"), identify=None) as client:
        yield client


@pytest.fixture
def page(browser: Any, server: httpx.Client) -> Iterator[Any]:
    yield from opened(browser, server)


def opened(browser: Any, server: httpx.Client, **options: Any) -> Iterator[Any]:
    context = browser.new_context(base_url=str(server.base_url), permissions=["camera"], **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.goto("/")
    yield page
    context.close()
    # A refused key and a cut connection are told by the browser too.
    assert [line for line in said if "401" not in line and "net::ERR" not in line] == []


def ask(page: Any, text: str = "What is it?") -> Any:
    page.get_by_label("Your question").fill(text)
    page.get_by_label("Your question").press("Enter")
    return page.locator("article.turn").last


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    Image.new("RGB", (64, 48), "red").save(path)
    return path


def test_what_makes_no_sense_yet_is_not_shown(page: Any) -> None:
    assert not page.get_by_role("button", name="Stop").is_visible()
    turn = ask(page)
    page.get_by_text("The answer is there.").wait_for()
    assert not page.get_by_role("button", name="Stop").is_visible()
    assert not turn.get_by_role("button", name="Correct it").is_visible()


def test_an_answer_arrives_with_its_plan_evidence_and_a_source_to_open(page: Any) -> None:
    turn = ask(page)
    turn.get_by_text("42").first.wait_for()
    page.get_by_text("The answer is there.").wait_for()
    assert turn.locator(".plan li").count() == 3
    assert "pieces of evidence" in turn.inner_text() or not turn.locator("details").get_attribute("open")
    turn.get_by_role("list", name="Citations").get_by_role("button").first.click()
    source = page.get_by_role("dialog", name="Source")
    source.wait_for()
    assert source.locator("mark").inner_text()
    assert "fake.md" in source.inner_text()
    page.keyboard.press("Escape")
    source.wait_for(state="hidden")


def test_what_a_document_says_never_becomes_markup(browser: Any, tmp_path: Path) -> None:
    from tests.support.fakes import FakeSearch

    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script> is 42."
    with live(tmp_path, identify=None, tool=FakeSearch(lambda query: hostile)) as server:
        for page in opened(browser, server):
            turn = ask(page)
            page.get_by_text("The answer is there.").wait_for()
            assert turn.locator("script").count() == 0
            assert turn.locator("img").count() == 0
            assert "<script>" in turn.inner_text()


def test_an_image_is_added_by_file_removed_and_shown_with_the_question(page: Any, picture: Path) -> None:
    page.locator("#file").set_input_files(picture)
    page.get_by_role("button", name="Remove").wait_for()
    page.get_by_role("button", name="Remove").click()
    assert page.locator("#images li").count() == 0
    page.locator("#file").set_input_files(picture)
    page.get_by_role("button", name="Remove").wait_for()
    turn = ask(page)
    turn.locator(".figure img").wait_for()
    assert turn.locator(".figure img").evaluate("image => image.naturalWidth") == 64


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_an_image_is_added_by_paste_and_by_drop(page: Any, picture: Path, way: str) -> None:
    page.evaluate(
        """([bytes, way]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "red.png", {type: "image/png"}));
            const event = way === "drop"
                ? new DragEvent("drop", {dataTransfer: data, bubbles: true})
                : new ClipboardEvent("paste", {clipboardData: data, bubbles: true});
            document.dispatchEvent(event);
        }""",
        [list(picture.read_bytes()), way],
    )
    page.get_by_role("button", name="Remove").wait_for()


def test_the_camera_takes_a_picture(page: Any) -> None:
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Take picture").click()
    page.get_by_role("button", name="Remove").wait_for()
    assert page.locator("#images img").evaluate("image => image.naturalWidth") > 100


def test_a_run_is_stopped_from_the_keyboard(browser: Any, tmp_path: Path) -> None:
    with live(tmp_path, identify=None, tool=SlowSearch(30.0)) as server:
        for page in opened(browser, server):
            turn = ask(page)
            page.get_by_role("button", name="Stop").wait_for()
            page.keyboard.press("Escape")
            turn.get_by_text("Stopped.").wait_for()
            until(lambda: server.get("/v1/runs").json()["runs"][0]["status"] == "cancelled")
            page.get_by_role("button", name="Stop").wait_for(state="hidden")


def test_a_question_back_is_answered_by_its_option(page: Any) -> None:
    ask(page, "ask me something")
    page.get_by_role("button", name="b", exact=True).click()
    page.get_by_text("The answer is there.").wait_for()
    assert page.locator("article.turn").count() == 2


def test_an_image_added_to_a_question_back_is_sent_with_the_question_anew(
    page: Any, server: httpx.Client, picture: Path
) -> None:
    """A reply is text and would lose it."""
    ask(page, "ask me something")
    page.get_by_role("button", name="b", exact=True).wait_for()
    page.locator("#file").set_input_files(picture)
    page.get_by_role("button", name="Remove").wait_for()
    ask(page, "What is it?")
    page.get_by_text("The answer is there.").wait_for()
    newest, waiting = server.get("/v1/runs?limit=2").json()["runs"]
    assert (newest["question"], len(newest["images"])) == ("What is it?", 1)
    assert waiting["status"] == "cancelled"
    assert waiting["thread_id"] == newest["thread_id"]


def test_an_answer_is_rated_and_corrected(page: Any, server: httpx.Client) -> None:
    turn = ask(page)
    turn.get_by_role("button", name="Wrong").click()
    turn.get_by_label("The right answer").fill("43")
    turn.get_by_role("button", name="Correct it").click()
    turn.get_by_text("Correction kept.").wait_for()
    run_id = server.get("/v1/runs").json()["runs"][0]["run_id"]
    kept = server.get(f"/v1/feedback/{run_id}").json()
    assert (kept["rating"], kept["correction"]) == ("down", "43")


def test_an_earlier_run_is_opened_from_the_history(page: Any) -> None:
    ask(page, "What was it?")
    page.get_by_text("The answer is there.").wait_for()
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="History").click()
    page.get_by_role("dialog", name="History").get_by_role("button").filter(
        has_text="What was it?"
    ).first.click()
    turn = page.locator("article.turn")
    turn.get_by_text("42").first.wait_for()
    assert turn.count() == 1


def test_what_is_asked_after_a_look_at_the_history_goes_on_there(page: Any, server: httpx.Client) -> None:
    """And not to the question back of another conversation, nor to one that was answered since."""

    def reopen(text: str) -> None:
        page.get_by_role("button", name="History").click()
        listed = page.get_by_role("dialog", name="History").get_by_role("button")
        listed.filter(has_text=text).first.click()
        page.locator("article.turn").last.get_by_text("42").first.wait_for()

    ask(page, "ask me first")
    page.get_by_role("button", name="b", exact=True).click()
    page.get_by_text("The answer is there.").wait_for()
    page.get_by_role("button", name="New conversation").click()
    ask(page, "ask me second")
    page.get_by_role("button", name="b", exact=True).wait_for()
    reopen("ask me first")
    ask(page, "And then?").get_by_text("42").first.wait_for()
    newest, second, first = server.get("/v1/runs?limit=3").json()["runs"]
    assert (newest["question"], newest["thread_id"]) == ("And then?", first["thread_id"])
    assert second["status"] == "input_required"


def test_a_lost_connection_loses_nothing(browser: Any, tmp_path: Path) -> None:
    with live(tmp_path, identify=None, tool=SlowSearch(1.0)) as server:
        for page in opened(browser, server):
            page.route("**/events?*", lambda route: route.abort(), times=1)
            turn = ask(page)
            page.get_by_text("The answer is there.").wait_for()
            assert turn.locator(".plan li").count() == 3


def test_a_server_with_keys_is_asked_with_one(browser: Any, tmp_path: Path) -> None:
    import asyncio

    from server.security.keys import KeyStore
    from server.storage.database import Database
    from server.storage.schema import MIGRATIONS

    async def make() -> str:
        database = Database(tmp_path / "server.db", MIGRATIONS)
        await database.open()
        _, secret = await KeyStore(database).create("page", "ada", "operator")
        await database.close()
        return secret

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:  # the browser's driver has a loop in this thread
        secret = pool.submit(lambda: asyncio.run(make())).result()
    with live(tmp_path, identify=None, server_auth="keys") as server:
        for page in opened(browser, server):
            page.get_by_label("Your question").fill("What is it?")
            page.get_by_role("button", name="Ask").click()
            page.get_by_label("API key").fill(secret)
            page.get_by_role("button", name="Use it").click()
            page.get_by_role("button", name="Ask").click()
            page.get_by_text("The answer is there.").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(browser: Any, server: httpx.Client, picture: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for page in opened(browser, server, color_scheme=scheme, bypass_csp=True):
        found = [Axe().run(page)]
        page.locator("#file").set_input_files(picture)
        page.get_by_role("button", name="Remove").wait_for()
        turn = ask(page)
        page.get_by_text("The answer is there.").wait_for()
        turn.get_by_role("button", name="Wrong").click()
        turn.get_by_label("The right answer").wait_for()
        found.append(Axe().run(page))
        turn.get_by_role("list", name="Citations").get_by_role("button").first.click()
        page.get_by_role("dialog", name="Source").wait_for()
        found.append(Axe().run(page))
        page.keyboard.press("Escape")
        page.get_by_role("button", name="History").click()
        page.get_by_role("dialog", name="History").wait_for()
        found.append(Axe().run(page))
        for result in found:
            assert result.violations_count == 0, result.generate_report()


def test_the_page_can_be_used_by_keyboard_alone(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the question"
    page.keyboard.press("Enter")
    page.keyboard.type("What is it?")
    page.keyboard.press("Enter")
    page.get_by_text("The answer is there.").wait_for()
    page.locator(".cite").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Source").wait_for()


def test_the_page_loads_nothing_from_elsewhere(browser: Any, server: httpx.Client) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(str(server.base_url))
    page.close()
    assert asked
    assert all(url.startswith((str(server.base_url), "data:")) for url in asked)


def test_a_models_words_are_shown_as_unchecked_until_they_are_checked(browser: Any, tmp_path: Path) -> None:
    slow = Canned(reply(f"{QUOTE} {LIE}"), pace_s=0.05)
    with speaking(tmp_path, slow) as (server, _):
        for page in opened(browser, server):
            ask(page, "How high is the mast?")
            said = page.locator(".answer.unchecked")
            said.wait_for()
            assert said.get_attribute("aria-live") == "off", "what may not stand is not read aloud"
            page.locator(".answer:not(.unchecked):not(.busy)").wait_for()
            assert page.locator(".answer").inner_text() == QUOTE
            assert page.locator(".answer").get_attribute("aria-live") is None

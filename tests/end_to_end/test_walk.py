"""A member's walk from picture to picture, with the real bot and the bundled model."""

from __future__ import annotations

import shutil

import pytest

from playground.record_demo import BROWSER_ARGUMENTS
from playground.say import Request, Session
from playground.steps import Paint, in_order
from playground.walk import check, take, walk
from tests.end_to_end.page_member import PageMember

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

WAIT_S = 300
"""A patient limit, never a measure: these machines are shared."""


@pytest.fixture
def session(testbed, bot, tmp_path):
    request = Request(
        steps=(),
        member="dora",
        out=None,
        data_dir=tmp_path,
        timeout_s=WAIT_S,
        verbose=False,
    )
    return Session(testbed, request)


async def test_every_stop_of_the_walk_has_its_buttons(session, tmp_path):
    folder = tmp_path / "walk"
    folder.mkdir()
    for stop in walk(folder, flags=" --q .25"):
        await take(session, stop, folder)


@pytest.mark.skipif(
    CHROMIUM is None, reason="There is no Chromium on this machine: the page was NOT looked at."
)
async def test_the_walk_goes_on_a_phone_by_the_keyboard_alone(session, testbed, tmp_path):
    from playwright.async_api import async_playwright

    folder, problems = tmp_path / "walk", []
    folder.mkdir()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*BROWSER_ARGUMENTS]
        )
        page = await browser.new_page(viewport={"width": 375, "height": 720})
        page.on("console", lambda m: m.type in {"error", "warning"} and problems.append(m.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(testbed.url)
        await page.get_by_test_id("composer-input").wait_for()
        member = PageMember(page)
        for stop in walk(folder, flags=" --q .25"):
            after = session.last_id()
            for step in in_order(stop.typed):
                if isinstance(step, Paint):
                    await session.take([step])
                    continue
                newest, count = session.last_id(), len(testbed.transcript)
                await member.take(step)
                await session.settle(newest, count)
            message = check(session, stop, folder, after=after)
            shown = page.locator(f'[data-message-id="{message.id}"]')
            await shown.wait_for()
            for button in stop.buttons:
                assert await shown.get_by_role("button", name=button).count()
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await browser.close()
    assert problems == []

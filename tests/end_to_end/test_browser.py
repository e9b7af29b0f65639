"""A member's evening in a browser tab: the real bot, the playground's page, Chromium."""

import shutil
from pathlib import Path

import pytest

from playground.record_demo import BROWSER_ARGUMENTS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOT = Path(__file__).parents[2] / "build" / "imagine-then-v2.png"
LOADED = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
PATIENCE_MS = 120_000


@pytest.mark.skipif(
    CHROMIUM is None, reason="There is no Chromium on this machine: the page was NOT looked at."
)
async def test_typing_imagine_shows_the_unfinished_picture_and_v2_goes_on(testbed, bot):
    from playwright.async_api import async_playwright, expect

    problems = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*BROWSER_ARGUMENTS]
        )
        page = await browser.new_page(viewport={"width": 1100, "height": 1400})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", lambda m: m.type in {"error", "warning"} and problems.append(m.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(testbed.url)
        await page.get_by_test_id("composer-input").wait_for()

        seen = []
        await page.expose_function("saw", lambda value: seen.append(value))  # noqa: PLW0108 - playwright marks it
        await page.evaluate(
            """() => new MutationObserver(() => {
                for (const bar of document.querySelectorAll('[data-testid=progress]'))
                    if (bar.hasAttribute('value')) saw(bar.getAttribute('value'));
            }).observe(document.body, {subtree: true, childList: true, attributes: true})"""
        )
        await page.keyboard.type("/imagine")
        await page.keyboard.press("Enter")
        await page.keyboard.type("a red cat at night --q 2")
        await page.keyboard.press("Enter")
        first = page.get_by_test_id("message").filter(
            has=page.get_by_role("button", name="V2", exact=True)
        )
        await first.wait_for()
        assert len(set(seen)) > 1, "the percent changed"
        # Until the unfinished picture's message is gone and the grid is there, buttons move.
        await expect(page.get_by_test_id("message")).to_have_count(1)
        await page.wait_for_function(LOADED)
        await first.get_by_role("button", name="V2", exact=True).click()
        varied = page.get_by_test_id("message").filter(has_text="Variations (Strong) by")
        await expect(varied.get_by_role("button", name="V4", exact=True)).to_be_visible()
        await expect(varied.get_by_test_id("picture").first).to_be_visible()
        await page.wait_for_function(LOADED)
        SCREENSHOT.parent.mkdir(exist_ok=True)
        await page.screenshot(path=SCREENSHOT)
        await browser.close()
    assert problems == []
    assert SCREENSHOT.stat().st_size > 0

"""The page in Chromium, with the example bot behind it."""

from __future__ import annotations

import re
import shutil
import sys

import pytest
import pytest_asyncio

from playground.record_demo import BROWSER_ARGUMENTS
from playground.testbed import Testbed, is_grid
from playground.upload import Upload

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="There is no Chromium on this machine: the page was NOT looked at."
    ),
    # One event loop for all tests of this file, so that they can share one Chromium.
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium():
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*BROWSER_ARGUMENTS]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def testbed(openapi):
    async with Testbed(openapi=openapi) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(testbed, connect_client):
    async with connect_client(testbed) as bot:
        yield bot


@pytest_asyncio.fixture(loop_scope="module")
async def page(testbed, client, chromium):
    """The page, open as Dora; the test fails if the console told an error."""
    problems = []
    context = await chromium.new_context(viewport={"width": 375, "height": 720})
    tab = await context.new_page()
    tab.set_default_timeout(10_000)
    tab.on("console", lambda m: m.type in {"error", "warning"} and problems.append(m.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    await tab.goto(testbed.url)
    await tab.get_by_test_id("composer-input").wait_for()
    yield tab
    await context.close()
    assert problems == []


async def fits(page):
    return await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_keyboard_alone_draws_varies_and_reacts_at_375_pixels(page, testbed):
    from playwright.async_api import expect

    await page.keyboard.type("/ima")
    await expect(page.get_by_role("option", name="/imagine")).to_be_visible()
    await page.keyboard.press("Enter")
    await page.keyboard.type("a red cat at night")
    await page.keyboard.press("Enter")
    grid = page.get_by_test_id("message").filter(
        has=page.get_by_role("button", name="V2", exact=True)
    )
    await grid.wait_for()
    assert await grid.get_by_test_id("component-button").all_inner_texts() == [
        *("U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4")
    ]
    assert await fits(page)

    button = grid.get_by_role("button", name="V2", exact=True)
    while not await button.evaluate("b => b === document.activeElement"):
        await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("content").last).to_contain_text("variation 2 of")

    await page.get_by_test_id("messages").focus()
    await page.keyboard.press("ArrowUp")
    while not await page.evaluate("document.activeElement.dataset.testid === 'message-actions'"):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="React with ✉️")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("reaction")).to_contain_text("1")
    await testbed.wait_for_message(channel=testbed.direct("dora"))


async def test_edits_change_one_message_in_place(page, testbed, client):
    from playwright.async_api import expect

    channel = client.get_partial_messageable(testbed.general, guild_id=testbed.guild)
    message = await channel.send("**a cat** - (Waiting to start)")
    shown = page.locator(f'[data-message-id="{message.id}"]')
    for percent in (31, 62):
        await message.edit(content=f"**a cat** - ({percent}%) (fast)")
        await expect(shown.get_by_test_id("progress")).to_have_attribute("value", str(percent))
    await expect(page.get_by_test_id("message")).to_have_count(1)
    await shown.get_by_test_id("message-actions").focus()
    await message.edit(content="**a cat** - (93%) (fast)")
    await expect(shown.get_by_test_id("content")).to_contain_text("93%")
    await expect(shown.get_by_test_id("message-actions")).to_be_focused()
    await message.delete()
    await expect(page.get_by_test_id("message")).to_have_count(0)


async def test_form_ephemeral_answer_and_member_switch(page, testbed, client):
    from playwright.async_api import expect

    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid)
    await page.get_by_role("button", name="🔄").click()
    form = page.get_by_role("dialog", name="Remix")
    await form.get_by_label("Prompt").fill("a blue dog")
    await page.keyboard.press("Tab")
    await form.get_by_role("button", name="Send").click()
    await expect(page.get_by_test_id("content").last).to_contain_text("a blue dog")
    await testbed.wait_until_idle(quiet_s=0.1)

    await page.get_by_test_id("composer-input").fill("/info ")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("only-you")).to_contain_text("Only you can see this")
    await expect(page.get_by_test_id("embed")).to_contain_text("Locale en-GB")
    await page.get_by_role("button", name="Channels and members").click()
    await page.get_by_label("You are").select_option(label="Gordon")
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("only-you")).to_have_count(0)


async def test_attachments_choices_and_suggestions_are_filled_in(page, testbed, client):
    from playwright.async_api import expect

    picture = {"name": "a.gif", "mimeType": "image/gif", "buffer": b"GIF89a"}
    await page.get_by_test_id("composer-input").fill("/blend ")
    await page.get_by_label("image1").set_input_files(picture)
    await page.get_by_label("image2").set_input_files(picture)
    await page.get_by_role("button", name="＋ dimensions").click()
    await page.get_by_label("dimensions", exact=True).select_option(label="portrait")
    await page.get_by_test_id("send").click()
    await expect(page.get_by_test_id("content").last).to_contain_text("portrait")

    await page.get_by_test_id("composer-input").fill("/blend ")
    await page.get_by_label("image1").evaluate(
        """field => {
            const clipboardData = new DataTransfer();
            for (const name of ["a.txt", "b.txt", "c.txt"])
                clipboardData.items.add(new File(["x"], name));
            field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true}));
        }"""
    )
    assert await page.get_by_label("image2").evaluate("field => field.files[0].name") == "b.txt"
    await expect(page.get_by_test_id("toast")).to_contain_text("takes no more files")
    await page.get_by_role("button", name="Leave this command").click()

    await page.get_by_test_id("composer-input").fill("/whisper i")
    await page.get_by_role("option", name="Ink").wait_for()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("content").last).to_contain_text("You chose ink.")


async def test_menu_sends_its_choice_by_its_button(page, testbed, client):
    from playwright.async_api import expect

    channel = client.get_partial_messageable(testbed.general, guild_id=testbed.guild)
    view = sys.modules[type(client).__module__].Sizes()
    await channel.send("Choose.", view=view)
    await page.get_by_label("A size").select_option(label="large")
    await page.get_by_role("button", name="Choose").first.click()
    await expect(page.get_by_test_id("content").last).to_contain_text("size ['large']")
    await page.get_by_label("Who").select_option(label=["Dora", "Gordon"])
    await page.get_by_role("button", name="Choose").last.click()
    await expect(page.get_by_test_id("content").last).to_contain_text("who ['Dora', 'Gordon']")
    assert await fits(page)


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '[click](javascript:alert(1)) [x](https://e.example/"onmouseover=alert(1))',
    "**" * 400 + "_" * 300 + "||" * 200,
    "\u202egnp.exe " + "\u0301" * 500,
    "<@1><#2><@&3><t:99999999999999:R><a:x:1>",
    "W" * 1900,
    "```\n<b>x</b>\n```\n# " + "h" * 300 + "\n> q\n-# s\n- i",
)


async def test_hostile_content_stays_text_and_inside_the_page(page, testbed, client):
    from playwright.async_api import expect

    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    gordon = testbed.member("gordon")
    for text in HOSTILE:
        gordon.write(testbed.general, text)
    file = Upload(filename="<img src=x onerror=alert(1)>.png", data=b"no picture")
    gordon.write(testbed.general, "see", files=[file])
    testbed.state.create_message(
        testbed.general,
        testbed.bot_id,
        "",
        embeds=[
            {
                "title": "<b>t</b>",
                "url": "javascript:alert(1)",
                "description": "<svg onload=alert(1)>",
                "fields": [{"name": "n" * 200, "value": "<i>", "inline": True}],
                "image": {"url": "https://elsewhere.example/x.png"},
                "color": 0xFFFFFF,
            }
        ],
    )
    await expect(page.get_by_test_id("message")).to_have_count(len(HOSTILE) + 2)
    assert await fits(page)
    log = page.get_by_test_id("messages")
    assert await log.locator("script, svg, b >> text=/^x$/").count() == 0
    for link in await log.locator("a").all():
        assert re.match(r"https?://", await link.get_attribute("href"))


async def test_page_tells_that_the_bot_is_gone_and_takes_no_command(page, testbed, client):
    from playwright.async_api import expect

    await client.close()
    testbed.server.page_api.set_bot_note("The bot ended with exit code 1.")
    await expect(page.get_by_test_id("bot-banner")).to_contain_text("exit code 1")
    await page.get_by_test_id("composer-input").fill("/info ")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("toast")).to_contain_text("not connected")

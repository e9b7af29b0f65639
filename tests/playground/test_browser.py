"""The page in Chromium, with the example bot behind it."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import sys

import discord
import pytest
import pytest_asyncio
from PIL import Image

from playground.record_demo import BROWSER_ARGUMENTS
from playground.testbed import Testbed, is_grid
from playground.upload import Upload

PATIENCE_MS = 60_000
"""Where something never comes the test fails after it; a busy machine is slow."""
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
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=PATIENCE_MS)
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
    tab.set_default_timeout(PATIENCE_MS)
    tab.on("console", lambda m: m.type in {"error", "warning"} and problems.append(m.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    await tab.goto(testbed.url)
    await tab.get_by_test_id("composer-input").wait_for()
    yield tab
    await context.close()
    assert problems == []


LOADED = "() => [...document.images].every(image => image.complete && image.naturalWidth > 0)"


def example_picture(client, side, name):
    return sys.modules[type(client).__module__].picture(side, name)


def load_buttons(client):
    return sys.modules[type(client).__module__].buttons(7)


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


async def test_only_who_owns_the_server_is_offered_its_language(page):
    from playwright.async_api import expect

    await page.get_by_role("button", name="Channels and members").click()
    language = page.get_by_test_id("server-locale")
    await expect(language).to_be_disabled()
    told = "Only Ansel, who owns the server, chooses its language."
    await expect(language).to_have_attribute("title", told)
    await page.get_by_label("You are").select_option(label="Ansel (owns the server)")
    await page.get_by_role("button", name="Channels and members").click()
    await expect(language).to_be_enabled()
    await expect(language).to_have_attribute("title", "")
    await language.select_option(label="日本語")
    await expect(page.get_by_test_id("toast")).to_have_count(0)


async def test_the_field_is_one_line_again_after_a_long_prompt(page, testbed):
    from playwright.async_api import expect

    field = page.get_by_test_id("composer-input")
    height = (await field.bounding_box())["height"]
    await field.fill("a red cat " * 30)
    assert (await field.bounding_box())["height"] > height
    await field.fill("/imagine " + "a red cat " * 30)
    await page.get_by_test_id("send").click()
    await expect(field).to_be_visible()
    assert (await field.bounding_box())["height"] == height
    await field.fill("a red cat " * 30)
    await page.get_by_test_id("send").click()
    await expect(field).to_have_value("")
    assert (await field.bounding_box())["height"] == height


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


async def test_a_bot_that_is_gone_is_told_in_a_sentence_with_its_last_lines_and_a_way_back(
    page, testbed, client
):
    from playwright.async_api import expect

    asked = []

    async def restart():
        asked.append(True)

    await client.close()
    page_api = testbed.server.page_api
    page_api.restart = restart
    lines = ["INFO all is well"] * 40 + ["\x1b[31mERROR\x1b[0m it \x1b[1;4mbroke\x1b[K"]
    page_api.set_bot_note("The bot has stopped.", lines)
    banner = page.get_by_test_id("bot-banner")
    await expect(banner).to_contain_text("The bot has stopped.")
    await expect(banner.get_by_text("it broke")).not_to_be_visible()
    await banner.get_by_text("Its last lines").click()
    await expect(banner.locator("code")).to_contain_text("ERROR it broke")
    shown = "box => box.scrollTop + box.clientHeight - box.scrollHeight"
    assert await banner.locator("pre").evaluate("box => box.scrollTop") > 0
    assert abs(await banner.locator("pre").evaluate(shown)) < 2
    await page.get_by_test_id("composer-input").fill("/info ")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("toast")).to_contain_text("not connected")
    covered = await page.evaluate(
        """() => {
            const {left, right, top, bottom} =
                document.querySelector('[data-testid=toast]').getBoundingClientRect();
            const fields = document.querySelectorAll(
                '#composer :is(input, textarea, select, button), #banner button, .top button');
            return [...fields].filter(field => field.checkVisibility()).filter(field => {
                const box = field.getBoundingClientRect();
                return box.left < right && box.right > left && box.top < bottom && box.bottom > top;
            }).map(field => field.outerHTML);
        }"""
    )
    assert covered == []
    await banner.get_by_role("button", name="Start the bot again").click()
    await testbed.until(lambda: bool(asked))


async def test_slash_and_enter_open_imagine_until_another_command_is_used_more(
    page, testbed, client
):
    from playwright.async_api import expect

    for expected in ("/imagine", "/info"):
        await page.get_by_test_id("composer-input").fill("/")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("command-name")).to_have_text(expected)
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("command-form")).to_be_hidden()
        await page.get_by_test_id("composer-input").fill("/info ")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("only-you").last).to_be_visible()


async def test_new_messages_are_told_while_older_ones_are_read_and_sending_goes_to_the_newest(
    page, testbed, client
):
    from playwright.async_api import expect

    gordon, log = testbed.member("gordon"), page.get_by_test_id("messages")
    for number in range(30):
        gordon.write(testbed.general, f"message {number}")
    await expect(page.get_by_text("message 29")).to_be_in_viewport()
    pill = page.get_by_test_id("newest")
    await expect(pill).to_be_hidden()

    await log.evaluate("log => log.scrollTop = 0")
    await page.get_by_text("message 0").wait_for()
    await log.dispatch_event("scroll")
    gordon.write(testbed.general, "one more")
    gordon.write(testbed.general, "and another")
    await expect(pill).to_have_text("2 new messages ↓")
    await expect(page.get_by_text("message 0", exact=True)).to_be_in_viewport()
    await pill.click()
    await expect(page.get_by_text("and another")).to_be_in_viewport()
    await expect(pill).to_be_hidden()

    await log.evaluate("log => log.scrollTop = 0")
    await log.dispatch_event("scroll")
    await page.get_by_test_id("composer-input").fill("mine")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("mine", exact=True)).to_be_in_viewport()
    await expect(pill).to_be_hidden()


async def test_a_right_click_and_a_long_press_open_the_menu_of_a_message(page, testbed, client):
    from playwright.async_api import expect

    testbed.member("gordon").write(testbed.general, "press me")
    words, menu = page.get_by_text("press me"), page.get_by_test_id("message-menu")
    await words.click(button="right")
    await expect(menu.get_by_role("menuitem", name="Look again (bot)")).to_be_visible()
    offered = [await item.inner_text() for item in await menu.locator(".emoji button").all()]
    assert offered == ["✉️", "❌", "⭐", "🔄", "1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    await page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()

    press = {"pointerType": "touch", "bubbles": True, "clientX": 120, "clientY": 300}
    await page.clock.install()
    await words.dispatch_event("pointerdown", press)
    await words.dispatch_event("pointermove", {**press, "clientY": 340})  # it scrolls
    await page.clock.run_for(2000)
    await expect(menu).to_be_hidden()
    await words.dispatch_event("pointerdown", press)
    await page.clock.run_for(2000)
    await expect(menu).to_be_visible()
    await words.dispatch_event("pointerup", press)
    await menu.get_by_role("menuitem", name="Look again (bot)").click()
    await expect(page.get_by_test_id("content").last).to_contain_text("0 file(s), by Gordon")


async def test_the_first_visit_offers_three_prompts_that_draw_at_a_click(page, testbed, client):
    from playwright.async_api import expect

    examples = page.get_by_test_id("example")
    await expect(examples).to_have_count(3)
    prompt = await examples.nth(1).inner_text()
    await examples.nth(1).click()
    grid = await testbed.wait_for_message(is_grid)
    assert f"**{prompt}**" in grid.content
    await expect(page.get_by_test_id("welcome")).to_be_hidden()


async def test_escape_closes_a_command_after_its_upload_was_refused(
    page, testbed, client, tmp_path
):
    from playwright.async_api import expect

    large = tmp_path / "a.png"  # by its name: the bytes would take the browser seconds
    large.write_bytes(b"x" * (11 * 2**20))
    await page.get_by_test_id("composer-input").fill("/blend ")
    await page.get_by_label("image1").set_input_files(large)
    await page.get_by_label("image2").set_input_files(large)
    await page.get_by_test_id("send").click()
    await expect(page.get_by_test_id("toast")).to_contain_text("uploads are limited to 10 MiB")
    await expect(page.get_by_test_id("command-form")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("command-form")).to_be_hidden()
    await expect(page.get_by_test_id("composer-input")).to_be_focused()


async def test_a_refused_form_says_why_where_it_is_seen(page, testbed, client):
    from playwright.async_api import expect

    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid)
    await page.get_by_role("button", name="🔄").click()
    form = page.get_by_role("dialog", name="Remix")
    await form.get_by_label("Prompt").fill("a blue dog")
    await client.close()
    await form.get_by_role("button", name="Send").click()
    await expect(form.get_by_role("alert")).to_contain_text("not connected")
    await page.keyboard.press("Escape")
    await expect(form).to_be_hidden()


async def test_a_form_with_words_a_menu_and_a_file_is_filled_in_on_a_phone(
    page, testbed, client, tmp_path
):
    from playwright.async_api import expect

    picture = tmp_path / "painted.png"
    Image.new("RGB", (8, 4), "red").save(picture)
    await page.keyboard.type("/paint")
    await expect(page.get_by_role("option", name="/paint")).to_be_visible()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Paint")
    await expect(form.get_by_label("Words")).to_be_focused()
    await expect(form.get_by_text("Scribble over the picture.")).to_be_visible()
    await expect(form.get_by_label("Words")).to_have_accessible_description(
        "what is to stand there"
    )
    await page.keyboard.press("End")
    await page.keyboard.type(" of straw")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await form.get_by_label("Painted over").set_input_files(picture)
    await expect(form.locator("img.preview")).to_be_visible()
    assert await fits(page)
    await form.get_by_label("Words").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("content")).to_contain_text("Painted: a hat of straw ['left']")
    await expect(page.get_by_test_id("content")).to_contain_text(f"({picture.stat().st_size}, 8)")
    await expect(form).to_be_hidden()


async def test_a_thread_is_started_from_a_message_and_a_post_in_the_forum(page, testbed, client):
    from playwright.async_api import expect

    testbed.member("gordon").write(testbed.general, "cats here")
    await page.get_by_test_id("message-actions").click()
    await page.get_by_role("menuitem", name="Create a thread").click()
    form = page.get_by_role("dialog", name="New thread")
    await form.get_by_label("Name").fill("red cats")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("channel-title")).to_have_text("↳ red cats")
    await page.get_by_test_id("composer-input").fill("/imagine a red cat")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="V4", exact=True).wait_for()
    assert not await page.get_by_role("menuitem", name="Create a thread").count()

    await page.get_by_role("button", name="Channels and members").click()
    await page.get_by_role("button", name="general").click()
    await page.get_by_test_id("thread-link").click()
    await expect(page.get_by_test_id("channel-title")).to_have_text("↳ red cats")
    await expect(page.get_by_role("button", name="V4", exact=True)).to_be_visible()

    await page.get_by_role("button", name="Channels and members").click()
    await page.get_by_role("button", name="forum").click()
    form = page.get_by_role("dialog", name="New post in forum")
    await form.get_by_label("Title").fill("blue cats")
    await form.get_by_label("Text").fill("Look")
    await form.get_by_role("button", name="Post").click()
    await expect(page.get_by_test_id("channel-title")).to_have_text("↳ blue cats")
    await expect(page.get_by_test_id("content")).to_have_text("Look")
    assert await fits(page)


async def test_an_ephemeral_answer_is_changed_dismissed_and_gone_when_the_page_is_loaded_again(
    page, testbed, client
):
    from playwright.async_api import expect

    dora = testbed.member("dora")
    for _ in range(2):
        asked = dora.slash(testbed.general, "info")
        answer = await testbed.wait_for_answer(asked)
    alone = page.get_by_test_id("only-you")
    await expect(alone).to_have_count(2)
    await alone.first.get_by_role("button", name="Dismiss").click()
    await expect(alone).to_have_count(1)
    token, app = asked.token, testbed.state.application_id
    webhook = discord.Webhook.partial(app, token, session=client.http._HTTPClient__session)
    await webhook.edit_message(answer.id, content="changed by its token")
    await expect(page.get_by_test_id("content")).to_have_text("changed by its token")
    await page.get_by_test_id("member-switch").select_option(label="Gordon", force=True)
    await expect(alone).to_have_count(0)
    await page.get_by_test_id("member-switch").select_option(label="Dora", force=True)
    await expect(alone).to_have_count(1)
    await page.reload()
    await page.get_by_test_id("composer-input").wait_for()
    dora.write(testbed.general, "later")
    await expect(page.get_by_test_id("message")).to_have_count(1)
    await expect(alone).to_have_count(0)


async def test_buttons_do_not_move_when_pictures_come_or_a_message_above_goes(
    page, testbed, client
):
    from playwright.async_api import expect

    await page.set_viewport_size({"width": 375, "height": 2000})
    channel = client.get_partial_messageable(testbed.general, guild_id=testbed.guild)
    developing = await channel.send("**a cat** (98%)", file=example_picture(client, 64, "a.png"))
    await page.wait_for_function(LOADED)
    held = asyncio.Event()

    async def hold(route):
        await held.wait()
        await route.continue_()

    await page.route("**/attachments/**", hold)
    embed = discord.Embed(title="And one in an embed").set_image(url="attachment://c.png")
    files = [example_picture(client, 64, "b.png"), example_picture(client, 128, "c.png")]
    view = load_buttons(client)
    await channel.send("**a cat**", view=view)
    await channel.send("**a dog**", files=files, embed=embed)
    button = page.get_by_role("button", name="U1", exact=True)
    await expect(page.get_by_test_id("picture")).to_have_count(2)
    places = [await button.bounding_box()]
    await developing.delete()
    await expect(page.get_by_test_id("message")).to_have_count(2)
    places.append(await button.bounding_box())
    held.set()
    await page.wait_for_function(LOADED)
    places.append(await button.bounding_box())
    tops = [place["y"] for place in places]
    assert max(tops) - min(tops) < 1  # scrolling goes by whole pixels


async def test_a_film_moves(page, testbed, client):
    channel = client.get_partial_messageable(testbed.general, guild_id=testbed.guild)
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "lime")]
    data = io.BytesIO()
    frames[0].save(data, "WEBP", save_all=True, append_images=frames[1:], duration=60, loop=0)
    data.seek(0)
    message = await channel.send("A film", file=discord.File(data, "film.webp"))
    assert (message.attachments[0].width, message.attachments[0].height) == (64, 64)
    shown = page.get_by_test_id("picture")
    await page.wait_for_function(LOADED)
    seen = set()
    while len(seen) < 3:
        seen.add(await shown.screenshot())


async def test_long_links_are_shown_short_and_stay_whole(page, testbed, client):
    address = f"https://cdn.example/attachments/{'1' * 40}/cat.png?ex={'a' * 60}"
    testbed.member("gordon").write(testbed.general, f"{address} <{address}> https://a.example/b")
    links = page.get_by_test_id("messages").locator("a")
    await links.first.wait_for()
    assert await links.all_inner_texts() == [
        *["cdn.example/…/cat.png"] * 2,
        "https://a.example/b",
    ]
    assert await links.nth(1).get_attribute("href") == address


TARGETS = """() => [...document.querySelectorAll(
        'button, input, select, textarea, summary, li[role=option]')]
    .filter(one => one.checkVisibility({opacityProperty: true, visibilityProperty: true}))
    .filter(one => !one.closest('.attach') && one.getBoundingClientRect().height < 44)
    .map(one => one.outerHTML.slice(0, 120) + ' ' + one.getBoundingClientRect().height)"""


async def test_fingers_find_targets_of_44_pixels(page, testbed, client):
    from playwright.async_api import expect

    await page.get_by_test_id("example").first.wait_for()
    assert await page.evaluate(TARGETS) == []
    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid)
    message = page.get_by_test_id("message").last
    await expect(message.get_by_role("button", name="V4")).to_be_visible()
    await page.get_by_test_id("composer-input").fill("/")
    assert await page.evaluate(TARGETS) == []
    await page.get_by_test_id("composer-input").fill("/blend ")
    assert await page.evaluate(TARGETS) == []
    await page.keyboard.press("Escape")
    await message.get_by_test_id("message-actions").click()
    assert await page.evaluate(TARGETS) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Channels and members").click()
    await expect(page.get_by_label("You are")).to_be_visible()
    assert await page.evaluate(TARGETS) == []


CONTRAST = """() => {
    const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(value => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (!/rgba?\\(.*, ?0(\\.\\d+)?\\)/.test(colour)) return colour;
        }
        return getComputedStyle(document.documentElement).backgroundColor;
    };
    const poor = [];
    for (const element of document.querySelectorAll('body *')) {
        const words = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        const shown = element.checkVisibility() && !element.matches('script, noscript, option');
        if (!words || !shown) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 100)}`);
    }
    return {poor, paper: light(getComputedStyle(document.documentElement).backgroundColor)};
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_follows_the_systems_light_or_dark_and_its_words_can_be_read(
    page, testbed, client, scheme
):
    await page.emulate_media(color_scheme=scheme)
    await page.get_by_test_id("example").first.wait_for()
    looks = [await page.evaluate(CONTRAST)]
    testbed.member("gordon").write(
        testbed.general, f"<@{testbed.member('dora').id}> `code` https://a.example"
    )
    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid)
    testbed.server.page_api.set_bot_note("Look.", ["a line"])
    await page.get_by_test_id("composer-input").fill("/info ")
    await page.keyboard.press("Enter")
    await page.get_by_test_id("only-you").wait_for()
    await page.get_by_test_id("composer-input").fill("/")
    looks.append(await page.evaluate(CONTRAST))
    assert [look["poor"] for look in looks] == [[], []]
    assert (looks[0]["paper"] > 0.7) == (scheme == "light")

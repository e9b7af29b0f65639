from __future__ import annotations

import json
import re

import aiohttp
import pytest

from playground.page_api import PAGE, REACTIONS
from playground.testbed import is_grid

ACT = {"X-Playground": "1"}


@pytest.fixture
async def browser(testbed):
    async with aiohttp.ClientSession(testbed.url) as session:
        yield session


async def act(browser, what, **options):
    async with browser.post("/page-api/act", json=what, headers=ACT, **options) as answer:
        return await answer.json()


def dora(testbed):
    return {"as": str(testbed.member("dora").id), "channel": str(testbed.general)}


async def test_page_is_served_with_a_policy_that_runs_only_its_own_scripts(browser):
    async with browser.get("/") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"\son\w+=|\sstyle=|<script(?![^>]*src=)|javascript:", page)
    for name in re.findall(r'(?:href|src)="(/page/[^"]+)"', page):
        async with browser.get(name) as part:
            assert part.status == 200


def test_scripts_never_turn_text_into_markup():
    for script in PAGE.glob("*.js"):
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|"
            r"setAttribute\(\"style\"",
            script.read_text(),
        )
        assert found is None, f"{script.name}: {found}"


def test_every_test_id_of_the_page_is_documented():
    used = set(re.findall(r'data-testid="([\w-]+)"', (PAGE / "index.html").read_text()))
    for script in PAGE.glob("*.js"):
        used |= set(re.findall(r'testid: "([\w-]+)"', script.read_text()))
    documented = set(re.findall(r"`([\w-]+)`", (PAGE / "README.md").read_text()))
    assert used <= documented


@pytest.mark.parametrize(
    "path", ["/page/../page_api.py", "/page/%2e%2e/page_api.py", "/page/README.md", "/page/none.js"]
)
async def test_nothing_but_the_pages_files_is_served(browser, path):
    async with browser.get(path) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1"])
async def test_other_hosts_names_are_refused(browser, testbed, host):
    query = {"as": "dora"}
    async with browser.get("/page-api/state", params=query, headers={"Host": host}) as answer:
        assert answer.status == 403


async def test_localhost_is_sent_to_the_address_that_pictures_have(browser, testbed):
    headers = {"Host": f"localhost:{testbed.server.port}"}
    async with browser.get("/", headers=headers, allow_redirects=False) as answer:
        assert answer.headers["Location"] == testbed.url


async def test_acts_need_the_header_no_other_site_can_send(browser, testbed):
    async with browser.post("/page-api/act", json={**dora(testbed), "do": "write"}) as answer:
        assert answer.status == 403


async def test_a_member_draws_over_the_api(browser, testbed, client):
    options = {"prompt": "a red cat"}
    what = {**dora(testbed), "do": "slash", "name": "imagine", "options": options}
    assert "interaction" in await act(browser, what)
    grid = await testbed.wait_for_message(is_grid)
    query = {"as": dora(testbed)["as"], "channel": dora(testbed)["channel"]}
    async with browser.get("/page-api/messages", params=query) as answer:
        shown = (await answer.json())["messages"][-1]
    assert shown["id"] == str(grid.id)
    async with browser.get(shown["attachments"][0]["url"].removeprefix(testbed.url[:-1])) as file:
        assert await file.read() == testbed.files(grid)[0]


async def test_form_is_opened_and_sent(browser, testbed, client):
    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    what = {**dora(testbed), "do": "click", "message": str(grid.id), "button": "🔄"}
    shown = await act(browser, what)
    assert shown["modal"]["title"] == "Remix"
    field = shown["modal"]["components"][0]["components"][0]["custom_id"]
    values = {field: "a blue dog"}
    sent = {**dora(testbed), "do": "submit", "interaction": shown["interaction"], "values": values}
    assert "interaction" in await act(browser, sent)
    await testbed.wait_for_message(lambda m: "a blue dog" in m.content and is_grid(m))


async def test_files_travel_with_a_command(browser, testbed, client):
    form = aiohttp.FormData()
    form.add_field("act", json.dumps({**dora(testbed), "do": "slash", "name": "blend"}))
    for name in ("image1", "image2"):
        form.add_field(name, b"GIF89a", filename="a.gif", content_type="image/gif")
    async with browser.post("/page-api/act", data=form, headers=ACT) as answer:
        assert "interaction" in await answer.json()
    await testbed.wait_for_message(lambda m: m.content.startswith("blend [6, 6]"))


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"do": "write", "text": ""}, "nothing to send"),
        ({"do": "fly"}, "not connected"),
        ({"do": "slash", "name": "imagine"}, "not connected"),
        ({"do": "delete", "message": "7"}, "gone"),
        ({"do": "restart"}, "does not start the bot"),
        ({}, "'do' is missing"),
        ({"do": "write", "text": "x", "as": "nobody"}, "no member 'nobody'"),
        ({"do": "write", "text": "x", "channel": "ten"}, "'channel' must be a number"),
    ],
)
async def test_refusals_are_sentences(browser, testbed, what, says):
    assert says in (await act(browser, {**dora(testbed), **what}))["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"do": "write", "text": "x", "channel": [1]},
        {"do": "write", "text": "x", "channel": {"id": 1}},
        {"do": "write", "text": "x", "channel": float("inf")},
        {"do": "write", "text": "x", "reply_to": [1]},
        {"do": "delete", "message": [1]},
        {"do": "slash", "name": "imagine", "options": [1]},
        {"do": "slash", "name": "imagine", "options": "prompt"},
        {"do": "choose", "message": "1", "menu": "m", "values": 1},
        {"do": "submit", "interaction": [1]},
    ],
)
async def test_a_field_of_a_wrong_kind_is_a_bad_request(browser, testbed, client, wrong):
    what = {**dora(testbed), **wrong}
    async with browser.post("/page-api/act", json=what, headers=ACT) as answer:
        assert answer.status == 400
        assert "must be a" in (await answer.json())["error"]


async def test_what_is_nested_without_end_is_a_bad_request(browser):
    headers = {**ACT, "Content-Type": "application/json"}
    async with browser.post("/page-api/act", data="[" * 100_000, headers=headers) as answer:
        assert answer.status == 400
        assert "nested" in (await answer.json())["error"]


@pytest.mark.parametrize("number", ["x", "9" * 5000])
async def test_a_channel_that_is_no_number_is_a_bad_request_in_a_sentence(browser, number):
    async with browser.get("/page-api/messages", params={"as": "dora", "channel": number}) as shown:
        assert shown.status == 400
        assert (await shown.json())["error"] == "The field 'channel' must be a number."


@pytest.mark.parametrize("name", ["", " "])
async def test_a_command_without_a_name_is_none(browser, testbed, client, name):
    answer = await act(browser, {**dora(testbed), "do": "slash", "name": name})
    assert answer["error"].startswith("There is no command ''; there are: ")


@pytest.mark.parametrize("locale", ["../../etc", "x" * 9999, "", "EN-US"])
@pytest.mark.parametrize("do", ["locale", "server_locale"])
async def test_a_language_that_discord_does_not_have_is_refused(browser, testbed, do, locale):
    owner = testbed.admin
    asked = {"as": str(owner.id), "channel": str(testbed.general), "do": do, "locale": locale}
    assert "Discord has no language" in (await act(browser, asked))["error"]
    assert (owner.locale, testbed.state.guild.preferred_locale) == ("en-US", "en-US")


def test_the_page_draws_no_sign_that_most_fonts_lack():
    """Such as U+1F5EA, which is an empty box on most machines."""
    files = [file for file in PAGE.iterdir() if file.suffix in (".js", ".html", ".css")]
    used = set("".join(file.read_text(encoding="utf-8") for file in files))
    assert [sign for sign in used if ord(sign) >= 0x1F000] == []


async def test_a_form_with_values_of_a_wrong_kind_is_a_bad_request(browser, testbed, client):
    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    what = {**dora(testbed), "do": "click", "message": str(grid.id), "button": "🔄"}
    shown = await act(browser, what)
    sent = {**dora(testbed), "do": "submit", "interaction": shown["interaction"], "values": [1]}
    async with browser.post("/page-api/act", json=sent, headers=ACT) as answer:
        assert answer.status == 400


async def test_silent_application_is_told_after_three_seconds(
    browser, testbed, client, monkeypatch
):
    monkeypatch.setattr("playground.member.ANSWER_WITHIN_S", 0.05)
    answer = await act(browser, {**dora(testbed), "do": "slash", "name": "slow"})
    assert answer["error"] == "The application did not respond."


async def test_upload_beyond_the_limit_is_refused(browser, testbed):
    testbed.state.upload_limit_bytes = 10
    form = aiohttp.FormData()
    form.add_field("act", json.dumps({**dora(testbed), "do": "write"}))
    form.add_field("files", b"x" * 11, filename="a.bin")
    async with browser.post("/page-api/act", data=form, headers=ACT) as answer:
        assert "limited to" in (await answer.json())["error"]


async def events(browser, member):
    async with browser.get("/page-api/events", params={"as": member}) as stream:
        yield None  # connected
        async for line in stream.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


async def test_event_stream_tells_a_member_only_what_that_member_may_see(browser, testbed, client):
    gordon = events(browser, "gordon")
    await anext(gordon)
    answer = await testbed.wait_for_answer(testbed.member("dora").slash(testbed.general, "info"))
    testbed.member("dora").write(testbed.general, "hello")
    heard = await anext(gordon)
    assert heard["message"]["content"] == "hello"
    assert heard["message"]["id"] != str(answer.id)
    await gordon.aclose()


async def test_bots_coming_and_going_reaches_the_page(browser, testbed):
    heard = events(browser, "dora")
    await anext(heard)
    testbed.server.page_api.set_bot_note("The bot has hung up.")
    assert (await anext(heard))["state"]["bot"]["note"] == "The bot has hung up."
    await heard.aclose()


async def test_attached_pages_are_never_shown_as_pages(browser, testbed):
    state = testbed.state
    for name in ("evil.html", "evil.svg"):
        attachment = state.cdn.store_attachment(1, testbed.general, name, b"<script>", None)
        url = state.cdn.sign(attachment["url"]).removeprefix(testbed.url[:-1])
        async with browser.get(url) as answer:
            assert answer.content_type == "application/octet-stream"
            assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_commands_are_shown_in_the_language_that_a_member_chooses(testbed, client, browser):
    described = {"description": "Yours.", "description_localizations": {"ja": "あなたの情報。"}}
    testbed.state.register_commands(None, [{"name": "info", **described}])

    async def description():
        async with browser.get("/page-api/state", params={"as": "dora"}) as answer:
            state = await answer.json()
        return state["channels"][0]["commands"][0]["description"]

    assert await description() == "Yours."
    await act(browser, {**dora(testbed), "do": "locale", "locale": "ja"})
    assert await description() == "あなたの情報。"


async def test_only_who_owns_the_server_chooses_its_language(testbed, client, browser):
    asked = {"channel": str(testbed.general), "do": "server_locale", "locale": "ja"}
    refused = await act(browser, {**asked, "as": "dora"})
    assert refused == {"error": "Only Ansel, who owns the server, chooses its language."}
    assert testbed.state.guild.preferred_locale == "en-US"
    assert await act(browser, {**asked, "as": "ansel"}) == {}
    async with browser.get("/page-api/state", params={"as": "dora"}) as answer:
        assert (await answer.json())["guild"]["locale"] == "ja"


async def test_reactions_are_offered_only_where_the_bot_hears_of_them(testbed, connect_client):
    page_api, dora = testbed.server.page_api, testbed.member("dora")
    assert page_api.page_state(dora)["bot"]["reactions"] == []
    async with connect_client(testbed):
        assert page_api.page_state(dora)["bot"]["reactions"] == REACTIONS
        for session in testbed.server.gateway._sessions.values():
            session.intents.guild_reactions = False
        assert page_api.page_state(dora)["bot"]["reactions"] == []

"""What the server adds to simcord's model of Discord; each addition has a test here."""

from __future__ import annotations

import io
import re

import aiohttp
import discord
import pytest

from playground.limits import NONCE_LIFE
from playground.testbed import Testbed, is_grid
from playground.upload import Upload


def sent(testbed, text):
    return [m for m in testbed.bot_messages() if m.content == text]


def general(client, testbed):
    return client.get_partial_messageable(testbed.general, guild_id=testbed.guild)


async def test_unmodified_client_connects_and_registers_its_commands(testbed, client):
    assert client.user.id == testbed.bot_id
    assert [guild.id for guild in client.guilds] == [testbed.guild]
    names = {command["name"] for command in testbed.member("dora").commands(testbed.general)}
    assert {"imagine", "blend", "info"} <= names
    assert "credits" not in names  # for who manages the server
    admin = {command["name"] for command in testbed.admin.commands(testbed.general)}
    assert "credits" in admin


async def test_wrong_token_is_refused(testbed, monkeypatch, client):
    bot = discord.Client(intents=discord.Intents.none())
    async with bot:
        with pytest.raises(discord.LoginFailure):
            await bot.login("not the token")


async def test_wrong_token_on_the_gateway_closes_with_4004(testbed, http):
    async with http.ws_connect(testbed.server.gateway_url) as socket:
        assert (await socket.receive_json())["op"] == 10
        await socket.send_json({"op": 2, "d": {"token": "no", "intents": 0}})
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4004


async def test_each_start_has_a_token_of_its_own(testbed):
    other = Testbed()
    assert len(testbed.token) >= 32
    assert other.token != testbed.token
    assert testbed.environment()["DISCORD_TOKEN"] == testbed.token


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example:8080"},
        {"Host": "127.0.0.1"},
    ],
)
async def test_gateway_refuses_browsers_and_other_hosts_names(testbed, http, headers):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(testbed.server.gateway_url, headers=headers)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("host", "statuses"),
    [
        ("127.0.0.1", [200, 200, 200]),
        ("127.0.0.1:80", [200, 200, 200]),
        ("localhost", [302, 403, 403]),
        ("evil.example", [403, 403, 403]),
        ("127.0.0.1:8080", [403, 403, 403]),
    ],
)
async def test_on_port_80_the_address_is_what_browsers_send_without_a_port(
    testbed, http, monkeypatch, host, statuses
):
    """Where nobody may open port 80, as the server would have it."""
    held = testbed.state.cdn.store_attachment(1, testbed.general, "a.txt", b"text", None)
    base = testbed.url.rstrip("/")
    urls = [f"{base}/", f"{base}/page-api/state?as=dora", testbed.state.cdn.sign(held["url"])]
    monkeypatch.setattr(testbed.server, "port", 80)
    monkeypatch.setattr(testbed.server.page_api, "port", 80)
    found = []
    for url in urls:
        async with http.get(url, headers={"Host": host}, allow_redirects=False) as answer:
            found.append(answer.status)
    assert found == statuses


async def test_gateway_refuses_its_own_page_too(testbed, http):
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(testbed.server.gateway_url, origin=testbed.url.rstrip("/"))


async def test_api_and_attachments_refuse_other_hosts_names(testbed, http):
    held = testbed.state.cdn.store_attachment(1, testbed.general, "a.txt", b"secret", None)
    messages = f"{testbed.server.api_url}/channels/{testbed.general}/messages"
    for url in (messages, testbed.state.cdn.sign(held["url"])):
        async with http.get(url) as answer:
            assert answer.status == 200
        async with http.get(url, headers={"Host": "evil.example:8080"}) as answer:
            assert answer.status == 403
    async with http.post(messages, json={"content": "x"}, headers={"Host": "evil.example"}) as sent:
        assert sent.status == 403
    assert testbed.bot_messages() == []


async def test_imagine_runs_from_waiting_over_percent_to_a_grid(testbed, client):
    dora = testbed.member("dora")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    await testbed.wait_until_idle(quiet_s=0.05)
    lines = [entry.text for entry in testbed.transcript.of(testbed.general)]
    assert any("(Waiting to start)" in line for line in lines)
    assert any("(33%)" in line for line in lines)
    assert len(testbed.files(grid)) == 1
    assert testbed.gaps == []


async def test_repeated_enforced_nonce_returns_the_first_message(testbed, client):
    channel = general(client, testbed)
    first = await channel.send("once", nonce="job-1:grid")
    second = await channel.send("once", nonce="job-1:grid")
    assert second.id == first.id
    assert len(sent(testbed, "once")) == 1


async def test_enforced_nonce_is_forgotten_after_minutes(testbed, client):
    channel = general(client, testbed)
    await channel.send("again", nonce="job-1:grid")
    testbed.state.advance_clock(NONCE_LIFE.total_seconds())
    await channel.send("again", nonce="job-1:grid")
    assert len(sent(testbed, "again")) == 2


async def test_nonce_without_enforcement_posts_each_time(testbed, http):
    url = f"{testbed.server.api_url}/channels/{testbed.general}/messages"
    for _ in range(2):
        async with http.post(url, json={"content": "twice", "nonce": "7"}) as answer:
            assert (await answer.json())["nonce"] == "7"
    assert len(sent(testbed, "twice")) == 2


async def test_nonce_of_26_characters_is_refused(testbed, client):
    with pytest.raises(discord.HTTPException) as refused:
        await general(client, testbed).send("long", nonce="x" * 26)
    assert (refused.value.status, refused.value.code) == (400, 50035)


async def test_interaction_carries_its_members_locale(testbed, client):
    gordon = testbed.member("gordon")
    answer = await testbed.wait_for_answer(gordon.slash(testbed.general, "info"))
    assert answer.embeds[0]["description"] == "Locale en-US"
    gordon.locale = "ja"
    answer = await testbed.wait_for_answer(gordon.slash(testbed.general, "info"))
    assert answer.embeds[0]["description"] == "Locale ja"


async def test_interaction_tells_the_upload_limit(testbed, client):
    testbed.state.upload_limit_bytes = 12345
    answer = await testbed.wait_for_answer(testbed.admin.slash(testbed.general, "info"))
    assert answer.embeds[0]["fields"][0]["value"] == "12345"


async def test_upload_beyond_the_limit_is_413_with_code_40005(testbed, client):
    testbed.state.upload_limit_bytes = 1000
    channel = general(client, testbed)
    await channel.send(file=discord.File(io.BytesIO(b"x" * 1000), "fits.bin"))
    with pytest.raises(discord.HTTPException) as refused:
        await channel.send(file=discord.File(io.BytesIO(b"x" * 1001), "over.bin"))
    assert (refused.value.status, refused.value.code) == (413, 40005)


async def test_files_need_the_attach_permission(testbed, client):
    testbed.state.set_bot_permissions(testbed.general, attach_files=False)
    channel = general(client, testbed)
    await channel.send("words are fine")
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send(file=discord.File(io.BytesIO(b"x"), "a.bin"))
    assert refused.value.code == 50013


async def test_interaction_token_is_401_after_fifteen_minutes(testbed, client):
    shown = []
    client.tree.remove_command("slow")

    @client.tree.command(name="slow")
    async def late(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("in time")
        shown.append(interaction)

    await testbed.wait_for_answer(testbed.admin.slash(testbed.general, "slow"))
    await testbed.until(lambda: bool(shown))
    testbed.state.advance_clock(14 * 60)
    await shown[0].edit_original_response(content="still in time")
    testbed.state.advance_clock(60)
    with pytest.raises(discord.HTTPException) as refused:
        await shown[0].edit_original_response(content="too late")
    assert (refused.value.status, refused.value.code) == (401, 50027)


async def test_first_response_after_three_seconds_is_10062(testbed, client):
    failures = []
    client.tree.remove_command("slow")

    @client.tree.command(name="slow")
    async def late(interaction: discord.Interaction) -> None:
        testbed.state.advance_clock(3)
        try:
            await interaction.response.send_message("too late")
        except discord.NotFound as error:
            failures.append(error.code)
        await interaction.channel.send("done")

    testbed.admin.slash(testbed.general, "slow")
    await testbed.wait_for_message(lambda m: m.content == "done")
    assert failures == [10062]


async def test_fourth_edit_of_an_old_message_within_six_seconds_is_30046(testbed, http):
    url = f"{testbed.server.api_url}/channels/{testbed.general}/messages"
    async with http.post(url, json={"content": "old"}) as answer:
        message = (await answer.json())["id"]
    testbed.state.advance_clock(3601)

    async def edit():
        async with http.patch(f"{url}/{message}", json={"content": "new"}) as answer:
            return answer.status, (await answer.json()).get("code")

    assert [await edit() for _ in range(3)] == [(200, None)] * 3
    assert await edit() == (429, 30046)
    testbed.state.advance_clock(6)
    assert await edit() == (200, None)


async def test_sixth_message_in_five_seconds_is_429_with_headers(testbed, http):
    url = f"{testbed.server.api_url}/channels/{testbed.general}/messages"
    for left in (4, 3, 2, 1, 0):
        async with http.post(url, json={"content": "hi"}) as answer:
            assert answer.status == 200
            assert answer.headers["X-RateLimit-Remaining"] == str(left)
            assert answer.headers["X-RateLimit-Limit"] == "5"
    async with http.post(url, json={"content": "hi"}) as answer:
        assert answer.status == 429
        assert 0 < (await answer.json())["retry_after"] <= 5
        assert answer.headers["Via"]
    second = testbed.state.create_channel(testbed.guild, "second")
    other = url.replace(str(testbed.general), str(second.id))
    async with http.post(other, json={"content": "hi"}) as answer:
        assert answer.status == 200  # limits are per channel
    testbed.state.advance_clock(5)
    async with http.post(url, json={"content": "hi"}) as answer:
        assert answer.status == 200


async def test_more_than_fifty_requests_a_second_is_a_global_429(testbed, http):
    url = f"{testbed.server.api_url}/users/@me"
    testbed.server.rest.limits.global_per_s = 3
    answers = [await http.get(url) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert (await answers[-1].json())["global"] is True


async def test_attachment_addresses_are_signed_and_expire(testbed, client, http):
    message = await general(client, testbed).send(file=discord.File(io.BytesIO(b"abc"), "a b.txt"))
    url = message.attachments[0].url
    assert message.attachments[0].filename == "a_b.txt"
    assert await message.attachments[0].read() == b"abc"
    assert (await http.get(url.split("?")[0])).status == 404
    assert (await http.get(re.sub("hm=.", "hm=~", url))).status == 404
    assert (await http.get(re.sub("ex=.", "ex=f", url))).status == 404
    testbed.state.advance_clock(25 * 3600)
    assert (await http.get(url)).status == 404
    fresh = await general(client, testbed).fetch_message(message.id)
    assert await fresh.attachments[0].read() == b"abc"


async def test_address_in_a_text_stays_as_it_was_typed(testbed, client):
    message = await general(client, testbed).send(file=discord.File(io.BytesIO(b"abc"), "a.txt"))
    for text in (message.attachments[0].url, f"{message.attachments[0].url} a house --iw 2"):
        testbed.member("dora").slash(testbed.general, "whisper", {"style": text})
        await testbed.wait_for_message(lambda m, text=text: m.content == f"You chose {text}.")


async def test_embed_shows_its_messages_attachment_by_address(testbed, client):
    answer = await testbed.wait_for_answer(testbed.admin.slash(testbed.general, "info"))
    view = testbed.server.page_api.view(testbed.admin, answer)
    thumbnail = testbed.state.cdn.signed(view)["embeds"][0]["thumbnail"]["url"]
    assert thumbnail.startswith(testbed.url + "attachments/")


async def test_attached_pictures_arrive_with_size_and_bytes(testbed, client):
    picture = load_picture(client)
    upload = Upload(filename="one.png", data=picture)
    done = testbed.member("dora").slash(
        testbed.general, "blend", {"image1": upload, "image2": upload, "dimensions": "portrait"}
    )
    message = await testbed.wait_for_answer(done)
    await testbed.until(lambda: bool(message.attachments))
    size = len(picture)
    assert message.content == f"blend [{size}, {size}] 64x64 portrait"


def load_picture(client):
    module = __import__(type(client).__module__)
    return module.picture(64, "x.png").fp.read()


async def test_dropped_connection_resumes_without_losing_an_event(testbed, client):
    await testbed.server.gateway.drop()
    done = testbed.admin.slash(testbed.general, "info")
    assert await testbed.wait_for_answer(done) is not None
    assert testbed.server.gateway.sessions == 1  # resumed, not identified anew


async def test_unknown_session_is_told_to_identify_again(testbed, http):
    async with http.ws_connect(testbed.server.gateway_url) as socket:
        await socket.receive_json()
        data = {"token": testbed.token, "session_id": "gone", "seq": 3}
        await socket.send_json({"op": 6, "d": data})
        assert await socket.receive_json() == {"op": 9, "d": False}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 4002),
        ("[]", 4002),
        ('{"op": 2}', 4002),
        ('{"op": 2, "d": {"token": "TOKEN"}}', 4002),
        ('{"op": 8, "d": {}}', 4003),
    ],
)
async def test_frames_that_mean_nothing_close_the_line(testbed, http, frame, code):
    async with http.ws_connect(testbed.server.gateway_url) as socket:
        await socket.receive_json()
        await socket.send_str(frame.replace("TOKEN", testbed.token))
        await socket.receive(timeout=60)
        assert socket.close_code == code
    assert testbed.server.gateway.sessions == 0


async def test_members_arrive_in_chunks_when_asked_for(testbed, client):
    members = await client.guilds[0].query_members(user_ids=[testbed.member("dora").id])
    assert [member.name for member in members] == ["dora"]


async def test_ephemeral_answers_reach_only_their_member(testbed, client):
    answer = await testbed.wait_for_answer(testbed.member("dora").slash(testbed.general, "info"))
    assert answer in testbed.member("dora").messages(testbed.general)
    assert answer not in testbed.member("gordon").messages(testbed.general)
    with pytest.raises(discord.NotFound):
        await general(client, testbed).fetch_message(answer.id)


async def test_follow_up_after_a_deleted_deferral_is_a_message_of_its_own(testbed, client):
    client.tree.remove_command("slow")

    @client.tree.command(name="slow")
    async def refuse(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await interaction.delete_original_response()
        await interaction.followup.send("No.", ephemeral=True)

    testbed.member("dora").slash(testbed.general, "slow")
    answer = await testbed.wait_for_message(lambda m: m.content == "No.")
    assert answer.is_ephemeral
    assert testbed.bot_messages() == [answer]


async def test_message_content_is_hidden_without_its_intent(testbed, client):
    written = testbed.member("dora").write(testbed.general, "a secret")
    message = await general(client, testbed).fetch_message(written.id)
    assert message.content == ""
    client._connection._intents.message_content = True  # the wire decides, not the client
    assert (await general(client, testbed).fetch_message(written.id)).content == ""


async def test_request_the_model_lacks_is_501_and_recorded(testbed, http):
    async with http.get(f"{testbed.server.api_url}/guilds/{testbed.guild}/mystery") as answer:
        assert answer.status == 501
    assert "mystery" in testbed.gaps[0]


FIELD = {"type": 1, "components": [{"type": 4, "custom_id": "a", "style": 1, "label": "A"}]}


def form(**changes):
    return {"type": 9, "data": {"custom_id": "x", "title": "A", "components": [FIELD], **changes}}


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("slash", {"type": 6}),
        ("slash", {"type": 7, "data": {"content": "x"}}),
        ("slash", {"type": 8, "data": {"choices": []}}),
        (
            "slash",
            form(custom_id="x" * 101),
        ),
        ("slash", form(title="A" * 46)),
        ("slash", form(components=[FIELD] * 6)),
        ("autocomplete", {"type": 4, "data": {"content": "x"}}),
        ("autocomplete", form()),
        ("autocomplete", {"type": 8, "data": {"choices": [{"name": "a", "value": "a"}] * 26}}),
        ("submit", form()),
        ("submit", {"type": 6}),
    ],
)
async def test_a_first_response_that_its_interaction_does_not_take_is_400(
    testbed, client, http, act, body
):
    dora = testbed.member("dora")
    if act == "submit":
        shown = dora.slash(testbed.general, "paint")
        await testbed.wait_for_answer(shown)
    await client.close()
    if act == "slash":
        asked = dora.slash(testbed.general, "slow")
    elif act == "autocomplete":
        asked = dora.autocomplete(testbed.general, "whisper", "style", "i", {})
    else:
        asked = dora.submit(shown, {})
    url = f"{testbed.server.api_url}/interactions/{asked.id}/{asked.token}/callback"
    async with http.post(url, json=body) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, 50035)
    assert not asked.responded


async def test_history_goes_on_after_a_message_with_the_next_ones(testbed, client, http):
    dora = testbed.member("dora")
    ids = [str(dora.write(testbed.general, f"{n}").id) for n in range(5)]
    url = f"{testbed.server.api_url}/channels/{testbed.general}/messages"

    async def history(**query):
        async with http.get(url, params=query) as answer:
            return [message["id"] for message in await answer.json()]

    assert await history(limit=2) == [ids[4], ids[3]]
    assert await history(after=ids[0], limit=2) == [ids[2], ids[1]]
    assert await history(before=ids[3], limit=2) == [ids[2], ids[1]]
    for limit in ("0", "101", "x"):
        async with http.get(url, params={"limit": limit}) as answer:
            assert answer.status == 400


@pytest.mark.parametrize("body", ["{", "[1]", '"x"', "null", "\x00"])
async def test_malformed_bodies_are_400(testbed, http, body):
    url = f"{testbed.server.api_url}/channels/{testbed.general}/messages"
    headers = {"Content-Type": "application/json"}
    async with http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 400


async def test_requests_of_the_example_bot_fit_discords_description(testbed, client, openapi):
    if openapi is None:
        pytest.skip("DISCORD_OPENAPI names no file: requests were not compared to Discord's own.")
    dora = testbed.member("dora")
    picture = Upload(filename="a.png", data=load_picture(client))
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    dora.click(testbed.general, grid.id, "U1")
    dora.slash(testbed.general, "blend", {"image1": picture, "image2": picture})
    dora.react(testbed.general, grid.id, "✉️")
    await testbed.wait_until_idle(quiet_s=0.1)
    await testbed.wait_for_message(channel=testbed.direct("dora"))
    assert testbed.violations == []

"""A Discord that fails as a test, or a file, says."""

import asyncio
import time

import aiohttp
import pytest

from playground import faults
from playground.faults import BadFaults, Faults
from playground.testbed import Testbed

SEND = r"/channels/\d+/messages$"


async def send(testbed, http, text="hello"):
    url = f"{testbed.server.api_url}/channels/{testbed.general}/messages"
    async with http.post(url, json={"content": text}) as answer:
        return answer.status, await answer.json(), answer.headers


def said(testbed):
    return [m.content for m in testbed.state.messages[testbed.general].values()]


async def test_a_status_and_a_code_have_no_effect_and_then_all_is_well(testbed, http):
    testbed.faults.add("status", method="POST", path=SEND, status=503, code=7, after=1, times=2)
    answers = [await send(testbed, http, str(number)) for number in range(4)]
    assert [status for status, *_ in answers] == [200, 503, 503, 200]
    assert answers[1][1]["code"] == 7
    assert said(testbed) == ["0", "3"]
    assert [kind for kind, *_ in testbed.faults.met] == ["status", "status"]


@pytest.mark.parametrize("everywhere", [False, True])
async def test_too_many_requests(testbed, http, everywhere):
    testbed.faults.add("rate_limit", path=SEND, seconds=3, everywhere=everywhere)
    status, body, headers = await send(testbed, http)
    assert (status, body["retry_after"], body["global"]) == (429, 3, everywhere)
    assert headers["Retry-After"] == "3.000"
    assert said(testbed) == []


async def test_an_answer_that_is_lost_took_effect_and_one_that_is_cut_did_not(testbed, http):
    for kind in ("lost", "cut"):
        testbed.faults.add(kind, path=SEND)
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await send(testbed, http, kind)
    assert said(testbed) == ["lost"]


async def test_a_slow_answer_is_as_usual(testbed, http):
    testbed.faults.add("slow", path=SEND, seconds=0.2)
    began_s = time.monotonic()
    status, *_ = await send(testbed, http)
    assert status == 200
    assert time.monotonic() - began_s >= 0.2


@pytest.mark.parametrize(("kind", "sessions"), [("drop", 1), ("forget", 2)])
async def test_the_gateway_hangs_up_and_the_client_comes_back(testbed, client, kind, sessions):
    testbed.faults.add(kind, path=SEND)
    await client.get_channel(testbed.general).send("hello")
    async with asyncio.timeout(60):
        await testbed.server.gateway.wait_connected()
        while testbed.server.gateway.sessions < sessions:  # noqa: ASYNC110 - it tells of none
            await asyncio.sleep(0.05)
    assert testbed.server.gateway.sessions == sessions


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
async def failing(openapi):
    """A playground whose outages last as long as `clock` says."""
    clock = Clock()
    async with Testbed(openapi=openapi, faults=Faults(clock_s=clock)) as running:
        running.clock = clock
        yield running


async def test_in_an_outage_nothing_goes_and_afterwards_all_does(failing, connect_client):
    gateway = failing.server.gateway
    async with (
        connect_client(failing) as client,
        aiohttp.ClientSession(headers={"Authorization": f"Bot {failing.token}"}) as http,
    ):
        sessions = gateway.sessions
        failing.faults.add("outage", method="POST", path=SEND, status=503, seconds=600)
        assert (await send(failing, http))[0] == 503
        for path in ("/users/@me", "/gateway/bot", f"/channels/{failing.general}"):
            async with http.get(failing.server.api_url + path) as answer:
                assert answer.status == 503, path
        failing.clock.now_s += 599
        assert (await send(failing, http))[0] == 503
        async with http.get(failing.server.gateway_url.replace("ws://", "http://")) as answer:
            assert answer.status == 503, "nobody connects"
        failing.clock.now_s += 1
        assert (await send(failing, http, "back"))[0] == 200
        async with asyncio.timeout(60):
            await gateway.wait_connected()
        assert gateway.sessions == sessions + 1
        assert said(failing) == ["back"]
        assert client.is_ready()


@pytest.mark.parametrize(
    ("kind", "path", "status", "code"),
    [
        ("unknown_interaction", "/interactions/1/token/callback", 404, 10062),
        ("expired_token", "/webhooks/1/token/messages/@original", 401, 50027),
    ],
)
async def test_tokens_of_interactions_that_count_no_more(testbed, http, kind, path, status, code):
    testbed.faults.add(kind)
    assert (await send(testbed, http))[0] == 200, "other requests are not concerned"
    async with http.post(testbed.server.api_url + path, json={"type": 5}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert [met for met, *_ in testbed.faults.met] == [kind]


@pytest.mark.parametrize("kind", ["archive", "lock"])
async def test_a_closed_thread_takes_a_message_but_no_edit_and_a_locked_one_neither(
    testbed, http, kind
):
    _, first, _ = await send(testbed, http)
    thread = testbed.admin.start_thread(testbed.general, int(first["id"]), "a thread")
    url = f"{testbed.server.api_url}/channels/{thread.id}/messages"
    async with http.post(url, json={"content": "one"}) as answer:
        one = await answer.json()
    testbed.faults.add(kind, method="PATCH", path=rf"/channels/{thread.id}/")
    async with http.patch(f"{url}/{one['id']}", json={"content": "two"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, 50083)
    async with http.get(f"{url}/{one['id']}") as answer:
        assert answer.status == 200, "reading is no change"
    async with http.post(url, json={"content": "three"}) as answer:
        assert (answer.status, (await answer.json()).get("code")) == (
            (200, None) if kind == "archive" else (403, 160005)
        )
    async with http.patch(f"{url}/{one['id']}", json={"content": "four"}) as answer:
        assert answer.status == (200 if kind == "archive" else 400)


async def test_faults_come_from_a_file(tmp_path):
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "cut"\ntimes = 0\n[[fault]]\nkind = "slow"\nseconds = 0.5\n')
    async with Testbed(faults=faults.load(file)) as running:
        assert running.faults.meet("GET", "/x").kind == "cut"
        assert running.faults.meet("GET", "/x").kind == "cut", "it stays for ever"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[fault]]\n", "fault 1 of .*kind"),
        ('[[fault]]\nkind = "rain"\n', "no fault 'rain'; there are status"),
        ('[[fault]]\nkind = "cut"\n[[fault]]\nkind = "cut"\nwhen = 1\n', "fault 2 of .*when"),
        ('[[fault]]\nkind = "cut"\npath = "("\n', "no regular expression"),
        ('[[fault]]\nkind = "status"\nstatus = 200\n', "from 400 to 599"),
        ('[[fault]]\nkind = "slow"\nseconds = -1\n', "below 0"),
        ("[[fault", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, text, says):
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(BadFaults, match=says):
        faults.load(file)

"""A Discord that fails as a test, or a file, says."""

import asyncio
import time

import aiohttp
import pytest

from playground import faults
from playground.faults import BadFaults
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

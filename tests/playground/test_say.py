from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from PIL import Image

from playground.bot_process import BotProcess
from playground.refusal import Refused
from playground.say import Request, _print_entry, say


@pytest.fixture
def request_for(tmp_path, bot_command):
    def make(line, **changes):
        given = {
            "line": line,
            "member": "dora",
            "clicks": (),
            "attachments": (),
            "out": None,
            "data_dir": tmp_path,
            "timeout_s": 30.0,
            "verbose": False,
            "quiet_s": 0.1,
            "command": bot_command,
        }
        return Request(**{**given, **changes})

    return make


async def test_grid_is_drawn_varied_and_saved_with_the_whole_transcript(
    request_for, tmp_path, capsys
):
    out = tmp_path / "grid.png"
    line = "/imagine prompt: a red cat at night"
    assert await say(request_for(line, clicks=["V2", "U1"], out=out)) == 0
    lines = capsys.readouterr().out.splitlines()
    for part in ("(Waiting to start)", "(33%)", "(66%)", "〈U1 U2 U3 U4 🔄 V1 V2 V3 V4〉"):
        assert any(part in line for line in lines)
    assert any("variation 2 of" in line for line in lines)
    with Image.open(out) as picture:  # U1's, the last one posted
        assert picture.size == (64, 64)


async def test_form_that_opens_is_sent_as_it_stands(request_for, capsys):
    assert await say(request_for("/imagine a red cat", clicks=["🔄"])) == 0
    told = capsys.readouterr().out
    assert "A form opened, 'Remix'" in told
    assert told.count("〈U1 U2 U3 U4 🔄 V1 V2 V3 V4〉") == 2


async def test_a_grid_that_comes_after_a_private_question_is_answered_counts(request_for, capsys):
    assert await say(request_for("/whisper style: ink", clicks=["V1"])) == 0
    assert "(only you see this)" in capsys.readouterr().out


async def test_without_a_grid_it_fails_but_still_tells_what_came(request_for, capsys):
    assert await say(request_for("/info")) == 1
    told = capsys.readouterr()
    assert "(only you see this)" in told.out
    assert "No grid with its nine buttons" in told.err


async def test_attachments_reach_their_options(request_for, tmp_path, capsys):
    picture = tmp_path / "a cat.png"
    Image.new("RGB", (8, 8)).save(picture)
    files = [f"image1={picture}", f"image2={picture}"]
    assert await say(request_for("/blend dimensions: square", attachments=files)) == 1
    assert "8x8 square" in capsys.readouterr().out


async def test_sigterm_ends_it_and_its_bot(request_for):
    running = asyncio.create_task(say(request_for("/imagine a red cat")))
    await asyncio.sleep(0)  # so that it listens to the signal
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    ("line", "out"), [("hello", None), ("/info", Path("grid.foo")), ("/info", Path("grid"))]
)
async def test_what_is_in_vain_is_told_before_the_bot_starts(request_for, monkeypatch, line, out):
    monkeypatch.setattr("playground.say.Testbed", None)
    with pytest.raises(Refused):
        await say(request_for(line, out=out))


async def test_a_bot_that_does_not_connect_in_time_is_told_with_its_last_lines(
    request_for, monkeypatch
):
    async def loads_for_ever(gateway):
        await started[0].wait_for_line("loading")
        raise TimeoutError

    async def start(*given, **named):
        started.append(await really_start(*given, **named))
        return started[0]

    started, really_start = [], BotProcess.start
    monkeypatch.setattr("playground.testbed.BotProcess.start", start)
    monkeypatch.setattr("playground.gateway.Gateway.wait_connected", loads_for_ever)
    script = "import time; print('loading a model', flush=True); time.sleep(60)"
    request = request_for("/info", command=[sys.executable, "-c", script], timeout_s=7)
    with pytest.raises(TimeoutError, match=r"did not connect within 7 s\.(.|\n)*loading a model"):
        await say(request)


async def test_a_note_is_shown_whole(testbed, capsys):
    note = "word " * 300 + "end"
    testbed.transcript.on_entry = _print_entry
    testbed.member("dora").write(testbed.general, note)
    assert note in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "changes", "says"),
    [
        ("hello", {}, r"answers commands only.* \"/imagine prompt: hello\""),
        ("", {}, "answers commands only"),
        ("/info", {"out": Path("grid.foo")}, "'grid.foo' names no kind of picture"),
        ("/imagin x", {}, r"no command /imagin; did you mean /imagine\?"),
        ("/info", {"attachments": ["cat.png"]}, "option=FILE"),
        ("/info", {"attachments": [f"image1={Path('none.png')}"]}, "none.png cannot be read"),
        ("/info", {"clicks": ["V9"]}, "No message has a button 'V9'"),
        ("/info", {"member": "nobody"}, "no member 'nobody'"),
        ("/slow", {}, "did not respond"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(request_for, monkeypatch, line, changes, says):
    monkeypatch.setattr("playground.member.ANSWER_WITHIN_S", 0.2)
    with pytest.raises((Refused, ValueError), match=says):
        await say(request_for(line, **changes))

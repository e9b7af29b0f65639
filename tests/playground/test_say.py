from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from bot.ui import actions
from playground.bot_process import BotProcess
from playground.refusal import Refused
from playground.say import SCRIBBLE, Request, _button, _is_picture, _print_entry, say
from playground.steps import Click, Fill, Line, Menu, React, in_order
from playground.testbed import in_progress


@pytest.fixture
def request_for(tmp_path, bot_command):
    def make(line, *typed, **changes):
        given = {
            "steps": in_order([("then", line), *typed]),
            "member": "dora",
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
    assert await say(request_for(line, ("click", "V2"), ("click", "U1"), out=out)) == 0
    lines = capsys.readouterr().out.splitlines()
    for part in ("(Waiting to start)", "(33%)", "(66%)", "〈U1 U2 U3 U4 🔄 V1 V2 V3 V4〉"):
        assert any(part in line for line in lines)
    assert any("variation 2 of" in line for line in lines)
    with Image.open(out) as picture:  # U1's, the last one posted
        assert picture.size == (64, 64)


async def test_form_that_opens_is_sent_as_it_stands(request_for, capsys):
    assert await say(request_for("/imagine a red cat", ("click", "🔄"))) == 0
    told = capsys.readouterr().out
    assert "A form opened, 'Remix'" in told
    assert told.count("〈U1 U2 U3 U4 🔄 V1 V2 V3 V4〉") == 2


async def test_a_grid_that_comes_after_a_private_question_is_answered_counts(request_for, capsys):
    assert await say(request_for("/whisper style: ink", ("click", "V1"))) == 0
    assert "(only you see this)" in capsys.readouterr().out


async def test_imagine_without_a_grid_fails_but_still_tells_what_came(request_for, capsys):
    assert await say(request_for("/imagine prompt: ")) == 1
    told = capsys.readouterr()
    assert "(only you see this)" in told.out
    assert "No grid with its nine buttons" in told.err


async def test_a_command_that_draws_nothing_goes_well_without_a_grid(request_for, capsys):
    assert await say(request_for("/info")) == 0
    assert "(only you see this)" in capsys.readouterr().out


async def test_steps_are_taken_in_their_order_and_each_picture_is_saved(
    request_for, tmp_path, capsys
):
    painted = tmp_path / "painted.png"
    steps = [
        ("click", "u3"),
        ("paint", str(painted)),
        ("react", "✉️"),
        ("menu", "Look again"),
        ("then", "/paint"),
        ("modal", "Words=two hats"),
        ("modal", "place=RIGHT"),
        ("modal", f"Painted over=@{painted}"),
        ("then", "/whisper style: ink"),
        ("click", "V1"),
        ("click", "🔄"),
        ("modal", "Prompt=a blue dog"),
        ("then", "/blend"),
        ("attach", f"image1={tmp_path / 'step-2.png'}"),
        ("attach", f"image2={painted}"),
    ]
    out = tmp_path / "step-#.png"
    assert await say(request_for("/imagine a red cat", *steps, out=out)) == 0
    told = capsys.readouterr().out
    size = painted.stat().st_size
    for said in (
        "1 file(s), by Darkroom",
        f"Painted: two hats ['right'] [({size}, 64)]",
        "a blue dog",
        "64x64 square",
        "Here are your pictures.",
    ):
        assert said in told
    assert told.index("Image #3") < told.index("Painted:") < told.index("a blue dog")
    numbers = sorted(int(path.stem.split("-")[1]) for path in tmp_path.glob("step-*.png"))
    assert numbers == [1, 2, 4, 9, 11, 12]
    with Image.open(painted) as picture:
        assert picture.getpixel((32, 32)) == SCRIBBLE


async def test_a_choice_is_found_in_the_newest_menu_that_has_it(request_for, capsys):
    assert await say(request_for("/sizes", ("select", "A size=large"), ("select", "small"))) == 0
    told = capsys.readouterr().out
    assert told.index("size ['large']") < told.index("size ['small']")


async def test_attachments_reach_their_options(request_for, tmp_path, capsys):
    picture = tmp_path / "a cat.png"
    Image.new("RGB", (8, 8)).save(picture)
    files = [("attach", f"image1={picture}"), ("attach", f"image2={picture}")]
    assert await say(request_for("/blend dimensions: square", *files)) == 0
    assert "8x8 square" in capsys.readouterr().out


async def test_sigterm_ends_it_and_its_bot(request_for):
    running = asyncio.create_task(say(request_for("/imagine a red cat")))
    await asyncio.sleep(0)  # so that it listens to the signal
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("out", [Path("grid.foo"), Path("grid")])
async def test_a_name_that_no_picture_has_is_told_before_the_bot_starts(
    request_for, monkeypatch, out
):
    monkeypatch.setattr("playground.say.Testbed", None)
    with pytest.raises(Refused, match="names no kind of picture"):
        await say(request_for("/info", out=out))


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
    ("typed", "says"),
    [
        ([("then", "hello")], r"answers commands only.* \"/imagine prompt: hello\""),
        ([("then", "")], "answers commands only"),
        (
            [("then", "/info"), ("then", "hello")],
            r"^Step 2 of 2 \(hello\): The bot answers commands",
        ),
        ([("then", "/")], "starts with a slash"),
        ([("then", "/info"), ("then", "/ imagine a cat")], "starts with a slash"),
        ([("then", "/info"), ("click", "")], "--click needs something"),
        ([("then", "/info"), ("select", " ")], "--select needs something"),
        ([("then", "/info"), ("menu", "")], "--menu needs something"),
        ([("then", "/info"), ("unreact", "")], "--unreact needs something"),
        ([("then", "/info"), ("attach", "cat.png")], "OPTION=FILE"),
        ([("then", "/info"), ("attach", "=README.md")], "OPTION=FILE"),
        ([("then", "/info"), ("attach", "image1=")], "OPTION=FILE"),
        ([("then", "/info"), ("attach", "image1=none.png")], r"none\.png cannot be read"),
        ([("then", "/info"), ("click", "V1"), ("attach", "a=b.png")], "after the command"),
        ([("then", "/info"), ("modal", "a red cat")], "LABEL=VALUE"),
        ([("then", "/info"), ("modal", "File=@none.png")], r"none\.png cannot be read"),
        ([("modal", "Words=x"), ("then", "/info")], "after the step that opens the form"),
        ([("then", "/info"), ("paint", "a.foo")], "'a.foo' names no kind of picture"),
    ],
)
async def test_steps_that_cannot_go_well_are_told_before_the_bot_starts(
    request_for, monkeypatch, typed, says
):
    monkeypatch.setattr("playground.say.Testbed", None)
    with pytest.raises(Refused, match=says):
        await say(request_for("", steps=in_order(typed)))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ([("then", "/imagin a cat")], r"no command /imagin; did you mean /imagine\?"),
        ([("then", "/blend"), ("attach", "cat=README.md")], "no attachment called 'cat'"),
        (
            [("menu", "Job detail")],
            r"^Step 2 of 2 \(--menu\): .* 'Job detail'; there are: Look again",
        ),
    ],
)
async def test_what_the_bot_has_not_registered_is_told_before_any_step_is_taken(
    request_for, capsys, typed, says
):
    with pytest.raises(Refused, match=says):
        await say(request_for("/imagine a red cat", *typed))
    assert "types" not in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_is_no_time_is_refused(capsys, seconds):
    from playground import __main__ as command

    with pytest.raises(SystemExit):
        command.main(["say", "/info", f"--timeout={seconds}"])
    assert "give seconds, such as 60" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "changes", "says"),
    [
        ([("then", "/imagin x")], {}, r"^There is no command /imagin; did you mean /imagine\?"),
        (
            [("then", "/info"), ("click", "V9")],
            {},
            r"^Step 2 of 2 \(--click\): No message has a button 'V9'",
        ),
        ([("then", "/info"), ("select", "V9")], {}, "No message has a menu with the choice 'V9'"),
        ([("then", "/info"), ("react", "⭐")], {}, "posted nothing yet"),
        ([("then", "/info"), ("modal", "Words=x")], {}, "No form is open"),
        ([("then", "/paint"), ("modal", "Word=x")], {}, "no field 'Word'; there are: 'Words'"),
        ([("then", "/paint"), ("modal", "Place=up")], {}, "no choice 'up'; there are: 'left'"),
        ([("then", "/paint"), ("modal", "Painted over=x")], {}, "takes a file"),
        ([("then", "/info")], {"member": "nobody"}, "no member 'nobody'"),
        ([("then", "/slow")], {}, "did not respond"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(request_for, monkeypatch, typed, changes, says):
    monkeypatch.setattr("playground.member.ANSWER_WITHIN_S", 0.2)
    with pytest.raises((Refused, ValueError), match=says):
        await say(request_for("", steps=in_order(typed), **changes))


def test_the_command_line_keeps_the_order_of_its_steps(monkeypatch):
    from playground import __main__ as command

    asked = []
    monkeypatch.setattr(command, "say", asked.append)
    monkeypatch.setattr(command.asyncio, "run", lambda _: 0)
    typed = ["say", "/imagine a", "--click", "V2", "--modal", "Prompt=b", "--react", "⭐"]
    typed += ["--menu", "Job details", "--then", "/blend", "--attach", "image1=a.png"]
    assert command.main(typed) == 0
    assert asked[0].steps == [
        Line(text="/imagine a"),
        Click(button="V2"),
        Fill(fields=("Prompt=b",)),
        React(emoji="⭐"),
        Menu(name="Job details"),
        Line(text="/blend", files=("image1=a.png",)),
    ]


def test_only_pictures_are_saved():
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG")
    assert [_is_picture(data) for data in (buffer.getvalue(), b"{}", b"")] == [
        True,
        False,
        False,
    ]


def test_a_private_reply_with_a_cancel_button_is_in_progress():
    custom_id = actions._custom_id(actions.ACTIONS["cancel"], "abc", 0)
    button = {"type": 2, "label": "Cancel Job", "custom_id": custom_id}
    row = {"type": 1, "components": [button]}
    waiting = SimpleNamespace(flags=64, content="**a red cat** - @dora", components=[row])
    ended = SimpleNamespace(flags=64, content="**a red cat** - @dora", components=[])
    assert in_progress(waiting)
    assert not in_progress(ended)


def test_a_button_is_found_by_its_emoji_however_a_keyboard_sends_it():
    coloured = "\N{FILM FRAMES}\N{VARIATION SELECTOR-16}"
    button = {"type": 2, "emoji": {"name": coloured}, "custom_id": "film"}
    message = SimpleNamespace(components=[{"type": 1, "components": [button]}])
    assert _button(message, "\N{FILM FRAMES}") == "film"
    assert _button(message, coloured) == "film"

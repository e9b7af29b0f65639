import json
import logging
import re

import discord
import pytest

from bot import logs

TOKEN = "MTAx.Gabcde.fghijklmnop"


def record(message, *args, error=None):
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("bot", logging.WARNING, "x.py", 1, message, args, info)


def test_json_lines_name_the_job_and_the_error():
    try:
        raise RuntimeError("torn")  # noqa: TRY301
    except RuntimeError as caught:
        error = caught
    line = json.loads(logs.Json().format(record("job %s failed", "a" * 16, error=error)))
    assert (line["level"], line["logger"], line["job"]) == ("WARNING", "bot", "a" * 16)
    assert line["message"] == f"job {'a' * 16} failed"
    assert "RuntimeError: torn" in line["exception"]
    assert "job" not in json.loads(logs.Json().format(record("a new job began")))


def test_the_token_is_in_no_line_nor_in_an_exception():
    for other in (logs.plain(), logs.Json()):
        formatter = logs.Discreet(other, TOKEN)
        try:
            raise RuntimeError(f"Bot {TOKEN}")  # noqa: TRY301
        except RuntimeError as caught:
            line = formatter.format(record("token %s", TOKEN, error=caught))
        assert TOKEN not in line and "[hidden]" in line


def test_a_full_file_is_begun_anew_and_five_old_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "_FILE_BYTES", 100)
    handler = logs.rotating(tmp_path / "log" / "darkroom.log", logs.plain())
    try:
        for _ in range(40):
            handler.emit(record("y" * 60))
    finally:
        handler.close()
    assert len(list((tmp_path / "log").iterdir())) == 6


HOSTILE = [
    "a cat\n2026-11-26 10:00:00 INFO     bot credits granted",
    "a\r2026-11-26 10:00:00 INFO     bot nothing happened",
    "\x1b[2J\x1b[1;1Hcleared",
    "\x9b31mred",
    "\x1b]0;title\x07",
    "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",
    "\u202egnp.exe",
    "half \ud800",
    "back\x08\x08\x7f\x00",
]


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("form", [logs.plain, logs.Json, discord.utils._ColourFormatter])
def test_no_words_of_a_member_forge_a_line_or_act_on_the_terminal(words, form):
    try:
        raise RuntimeError(words)  # noqa: TRY301
    except RuntimeError as caught:
        error = caught
    formatter = logs.Discreet(form(), TOKEN)
    told = formatter.format(record("prompt %s", words))
    assert told.splitlines() == [told], "one line"
    with_error = formatter.format(record(words, error=error))
    begin = [line for line in with_error.split("\n") if not line.startswith("  ")]
    assert len(begin) == 1, "whatever is below a line is set in"
    for line in (told, with_error):
        line.encode()
        acting = line if form is not discord.utils._ColourFormatter else without_colours(line)
        assert not set(acting) & set("\r\x00\x07\x08\x0b\x0c\x1b\x7f\x85\x9b\u2028\u2029\u202e")


def without_colours(line):
    """Discord's library colours its own parts of a line."""
    return re.sub(r"\x1b\[(?:\d+;)*\d+m", "", line)


def test_japanese_emoji_and_tabs_stay_as_they_are():
    words = "赤い猫\t👩\u200d🚀 é"
    assert logs.Discreet(logs.plain(), TOKEN).format(record("%s", words)).endswith(words)


def test_the_record_of_other_handlers_is_left_as_it_was():
    kept = record("a %s", "b\nc")
    logs.Discreet(logs.plain(), TOKEN).format(kept)
    assert kept.getMessage() == "a b\nc"

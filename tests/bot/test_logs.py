import json
import logging

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

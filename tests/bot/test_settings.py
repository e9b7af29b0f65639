"""Configuration: one sentence that names the variable, and an example file that cannot go stale."""

import os
import re
from pathlib import Path

import pytest

from bot import settings
from bot.errors import StartError
from bot.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def example():
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert len(pairs) == len(dict(pairs)), "a variable stands twice"
    return dict(pairs)


def test_the_example_file_names_every_setting_and_no_other():
    settings = {name.upper() for name in Settings.model_fields}
    assert set(example()) == settings | {"PLAYGROUND_PORT", "HF_TOKEN"}


def test_the_example_file_shows_the_defaults():
    shown_as = example()
    for name, field in Settings.model_fields.items():
        default, shown = field.default, shown_as[name.upper()]
        if isinstance(default, int | float):
            default = f"{default:g}"
        assert shown == ("" if default in (None, (), "") else str(default)), name


def test_every_variable_of_the_example_file_is_explained():
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[A-Z_]+=", line):
            assert lines[number - 1].startswith("# "), line


def test_an_empty_value_counts_as_unset(monkeypatch):
    monkeypatch.setenv("MAX_RUNNING", "")
    monkeypatch.setenv("OWNER_IDS", "")
    assert settings.load(None) == Settings()


def test_ids_are_read_with_commas_or_spaces(monkeypatch):
    monkeypatch.setenv("OWNER_IDS", "1, 2 3")
    assert settings.load(None).owner_ids == (1, 2, 3)


def test_the_env_file_reaches_libraries_too(monkeypatch, tmp_path):
    file = tmp_path / ".env"
    file.write_text("HF_HOME=/models\nMAX_RUNNING=5\n")
    monkeypatch.setenv("HF_HOME", "")
    monkeypatch.delenv("HF_HOME")
    assert settings.load(file).max_running == 5
    assert os.environ["HF_HOME"] == "/models"
    monkeypatch.delenv("MAX_RUNNING")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_RUNNING", "0"),
        ("MAX_QUEUED", "many"),
        ("DEVICE", "gpu"),
        ("DTYPE", "int8"),
        ("LOG_LEVEL", "loud"),
        ("DRAIN_S", "-1"),
        ("OWNER_IDS", "me"),
        ("PREVIEW_INTERVAL_S", "0"),
        ("GPU_MEMORY_GB", "-2"),
        ("DISCORD_API_URL", "foo"),
        ("DISCORD_GATEWAY_URL", "http://x"),
        ("DISCORD_API_URL", "http://[::1/api"),
        ("DISCORD_API_URL", "http://127.0.0.1:99999/api"),
        ("DISCORD_API_URL", "http://127.0.0.1:port/api"),
        ("DISCORD_GATEWAY_URL", "ws://x:99999"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(StartError, match=name) as caught:
        settings.load(None)
    assert "\n" not in str(caught.value)
    assert "^" not in str(caught.value), "words, not a regular expression"
    assert "must be" in str(caught.value)
    assert value.lower() in str(caught.value).lower()


def test_every_setting_that_can_be_wrong_says_in_words_what_it_takes():
    anything = {"discord_token", "data_dir", "database_url", "models", "default_model"}
    for name, field in Settings.model_fields.items():
        assert bool(field.description) == (name not in anything), name


@pytest.mark.parametrize(
    ("line", "meant"),
    [("DISCORD_TOKN=a.b.c", "DISCORD_TOKEN"), ("OWNER_ID=1", "OWNER_IDS"), ("MODEL=x", "MODELS")],
)
def test_a_misspelt_name_in_the_env_file_is_noticed(tmp_path, line, meant):
    file = tmp_path / ".env"
    file.write_text(f"HF_TOKEN=x\n{line}\n")
    with pytest.raises(StartError, match=rf"{line.split('=')[0]} in .*; {meant} is\.") as caught:
        settings.load(file)
    assert "a.b.c" not in str(caught.value), "a token is told nobody"
    assert "HF_TOKEN" not in os.environ, "nothing was loaded"


def test_a_misspelt_token_in_the_environment_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCORD_TOKNE", "a.b.c")
    with pytest.raises(
        StartError, match=r"DISCORD_TOKNE in the environment is not .*; DISCORD_TOKEN is\."
    ) as caught:
        settings.load(tmp_path / ".env")
    assert "a.b.c" not in str(caught.value), "a token is told nobody"


def test_a_variable_of_another_program_stops_nothing_where_the_token_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "a.b.c")
    monkeypatch.setenv("DISCORD_TOKEN", "d.e.f")
    assert settings.load(tmp_path / ".env").discord_token == "d.e.f"
    [warning] = settings.slips_outside()
    assert warning.startswith("DISCORD_BOT_TOKEN in the environment is not a variable of Darkroom")
    assert "a.b.c" not in warning


def test_a_misspelt_name_without_a_value_counts_as_unset(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "")
    (tmp_path / ".env").write_text("OWNER_ID=\n")
    assert settings.load(tmp_path / ".env") == Settings()
    assert settings.slips_outside() == []


@pytest.mark.parametrize("content", [b"DEVICE: cpu\n", "DEVICE=cpu".encode("utf-16")])
def test_a_file_that_cannot_be_read_stops_the_start_with_a_sentence(tmp_path, content):
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(StartError, match=r"\.env"):
        settings.load(file)


def test_a_long_wrong_value_is_shortened(monkeypatch):
    monkeypatch.setenv("GUILD_ID", "9" * 5000)
    with pytest.raises(StartError, match=r"GUILD_ID must be .*, not '9{60}…'\."):
        settings.load(None)


def test_the_database_is_in_the_data_folder_unless_named(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "somewhere")
    assert settings.load(None).database == "sqlite+aiosqlite:///somewhere/darkroom.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://u@h/n")
    assert settings.load(None).database == "postgresql+asyncpg://u@h/n"

from __future__ import annotations

from pathlib import Path

import pytest

from playground.settings import BadSetting, Settings, load


@pytest.fixture
def env_file(tmp_path):
    return tmp_path / ".env"


def test_with_nothing_set_there_is_a_port_and_a_folder_of_its_own(env_file):
    assert load({}, env_file) == Settings(port=8080, data_dir=Path("data/playground"))
    assert load({"PLAYGROUND_PORT": "", "DATA_DIR": ""}, env_file) == load({}, env_file)


@pytest.mark.parametrize(
    ("environment", "port"),
    [({}, 9001), ({"PLAYGROUND_PORT": ""}, 9001), ({"PLAYGROUND_PORT": "9002"}, 9002)],
)
def test_port_stands_in_the_environment_or_else_in_the_file(env_file, environment, port):
    env_file.write_text("PLAYGROUND_PORT=9001\n")
    assert load(environment, env_file).port == port


def test_file_says_nothing_about_the_data_of_the_playground(env_file):
    env_file.write_text("DATA_DIR=real\nDISCORD_OPENAPI=nowhere.json\n")
    settings = load({}, env_file)
    assert (settings.data_dir, settings.openapi) == (Path("data/playground"), None)


def test_example_file_names_the_port_with_its_default():
    example = Path(__file__).parents[2] / ".env.example"
    assert "PLAYGROUND_PORT=8080\n" in example.read_text(encoding="utf-8")
    assert load({}, example).port == load({}, Path("nowhere")).port


@pytest.mark.parametrize("port", ["eighty", "-1", "70000", "8080.5", "٣", "9" * 5000])
@pytest.mark.parametrize("place", ["environment", "file"])
def test_port_that_is_none_is_one_sentence_that_names_it(env_file, place, port):
    environment = {"PLAYGROUND_PORT": port} if place == "environment" else {}
    env_file.write_text(f"PLAYGROUND_PORT={port}\n", encoding="utf-8")
    with pytest.raises(BadSetting) as told:
        load(environment, env_file)
    assert str(told.value) == f"PLAYGROUND_PORT must be a port from 0 to 65535, not {port!r}."


def test_openapi_that_is_no_file_is_one_sentence(env_file):
    with pytest.raises(BadSetting, match=r"DISCORD_OPENAPI names no file: nowhere\.json\."):
        load({"DISCORD_OPENAPI": "nowhere.json"}, env_file)


def test_openapi_that_is_a_file_is_taken(env_file):
    openapi = env_file.with_name("openapi.json")
    openapi.write_text("{}")
    assert load({"DISCORD_OPENAPI": str(openapi)}, env_file).openapi == openapi


def test_file_that_is_not_utf_8_is_named(env_file):
    env_file.write_bytes("# grüße\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"\.env is not UTF-8; save it as UTF-8\."):
        load({}, env_file)

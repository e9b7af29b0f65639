"""What systemd is told, by a socket of the test's own."""

import configparser
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot import __main__ as program
from bot.settings import Settings
from bot.supervisor import Supervisor

UNIT = Path(__file__).parents[2] / "docs" / "darkroom.service"


@pytest.fixture
def listening(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.settimeout(60)
        heard.bind(str(tmp_path / "notify"))
        yield heard


def words(heard, count):
    return [heard.recv(100).decode() for _ in range(count)]


def test_each_word_is_one_datagram(listening, tmp_path):
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    supervisor.ready()
    supervisor.alive()
    supervisor.stopping()
    assert words(listening, 3) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_an_address_that_is_no_file_begins_with_a_zero_byte():
    name = f"darkroom-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.settimeout(60)
        heard.bind(f"\0{name}")
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert words(heard, 1) == ["READY=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_where_nobody_listens_nothing_happens(environment):
    Supervisor(environment).ready()


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "120000000"}, 60),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 60),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
async def test_signs_of_life_come_twice_as_often_as_they_are_due(environment, every_s):
    supervisor = Supervisor(environment)
    assert supervisor.every_s == every_s
    assert len(program._signs_of_life(supervisor)) == bool(every_s)


def test_the_unit_fits_the_bot():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always", "exit status 75 asks for it, too"
    assert float(service["WatchdogSec"]) >= 2 * program.HEARTBEAT_S
    assert float(service["TimeoutStopSec"]) > Settings.model_fields["drain_s"].default + 25
    assert service["ExecStart"].endswith("darkroom bot")


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("There is no systemd-analyze here: the unit was not verified.")
    here = UNIT.read_text().replace("/opt/darkroom/.venv/bin/darkroom", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(here)
    asked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    # What it says of this machine's other units is not meant.
    assert [line for line in asked.stderr.splitlines() if UNIT.name in line] == []

"""The container files, as far as they can be held to account without a container engine."""

import re
from pathlib import Path

from bot.settings import Settings

ROOT = Path(__file__).parents[1]


def test_every_path_the_dockerfile_copies_exists_and_is_not_ignored():
    ignored = set((ROOT / ".dockerignore").read_text().split())
    copies = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = [source for line in copies for source in line.split()]
    assert {"bot", "engine", "doodle", "migrations", "models.toml"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source not in ignored, source


def test_the_container_runs_as_an_ordinary_user_with_a_health_check():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9]\d*$", text, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .*"bot", "health"', text, re.MULTILINE)
    assert "gcc" in text


def test_a_stopping_container_has_more_time_than_draining_takes():
    grace = re.search(r"stop_grace_period: (\d+)s", (ROOT / "compose.yaml").read_text())
    assert int(grace[1]) > Settings.model_fields["drain_s"].default


def test_compose_keeps_data_and_models_and_reserves_the_gpu():
    text = (ROOT / "compose.yaml").read_text()
    assert "data:/data" in text
    assert "models:/app/models" in text
    assert "capabilities: [gpu]" in text
    assert "DATA_DIR=/data" in (ROOT / "Dockerfile").read_text()
    assert "DATA_DIR: /data" in text, "an env_file with another DATA_DIR would win over the image"

"""What the operator sets: environment variables, or `.env` beside the project.

`.env` is loaded into the environment first, so that libraries' own variables such as HF_TOKEN and
HF_HOME reach them too. An empty value counts as unset.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

import darkroom
from bot.errors import StartError

# The description of a type ends the sentence "must be …, not 'x'".
Ids = Annotated[tuple[int, ...], NoDecode, Field(description="ids, numbers with commas between")]
_OTHER_NAMES = ("PLAYGROUND_PORT", "DARKROOM_COMMAND")
"""Variables of other parts of Darkroom."""
_ALIKE = 0.85
"""How alike two names are, of 1, where the one is taken for a slip of the other."""
_SHOWN = 60
"""How many characters of a wrong value are shown."""


class Settings(BaseSettings):
    """Every field is an environment variable of the same name in capitals; `.env.example` too."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    discord_token: str = Field(default="", repr=False)
    owner_ids: Ids = ()
    allowed_guilds: Ids = ()
    guild_id: int | None = Field(default=None, description="a server's id, a number")
    discord_api_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+\S*)?$",
        description="an address that begins with https:// or http://, its port up to 65535",
    )
    discord_gateway_url: str = Field(
        default="",
        pattern=r"^(wss?://[^/\s]+\S*)?$",
        description="an address that begins with wss:// or ws://, its port up to 65535",
    )

    data_dir: Path = Path("data")
    database_url: str = Field(default="", repr=False)
    models: Path = Path("models.toml")
    default_model: str = ""

    engine: Literal["local", "ray"] = Field(default="local", description="local or ray")
    ray_address: str = Field(
        default="",
        pattern=r"^(auto|[^\s/:]+:\d+|\[[0-9a-fA-F:]+\]:\d+)?$",
        description="HOST:PORT of a Ray cluster's head, auto, or empty",
    )
    cluster_gpu_share: float = Field(
        default=1, ge=0.05, le=1, description="a number from 0.05 to 1: a worker's share of a card"
    )
    cluster_cpu_workers: int = Field(
        default=0, ge=0, le=64, description="a whole number from 0 to 64"
    )
    cluster_object_store_mb: int = Field(
        default=512, ge=100, le=1_000_000, description="a whole number from 100 to 1,000,000"
    )
    cluster_hang_s: float = Field(
        default=300, ge=10, le=86400, description="a number of seconds from 10 to 86400"
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto, cpu, mps, cuda or, with the card's number, cuda:0",
    )
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        default="auto", description="auto, fp32, fp16 or bf16"
    )
    gpu_memory_gb: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="a number of gigabytes above 0"
    )
    idle_unload_min: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="a number of minutes above 0"
    )
    preview_interval_s: float = Field(
        default=2.0, ge=0.5, le=60, description="a number of seconds from 0.5 to 60"
    )

    trial_credits: float = Field(
        default=25, ge=0, le=1_000_000, description="a number from 0 to 1,000,000"
    )
    trial_after_days: int = Field(
        default=7, ge=0, le=3650, description="a whole number from 0 to 3650"
    )
    guild_allotment_credits: float = Field(
        default=1000, ge=0, le=1_000_000_000, description="a number from 0 to 1,000,000,000"
    )
    max_running: int = Field(default=3, ge=1, le=100, description="a whole number from 1 to 100")
    max_queued: int = Field(default=10, ge=0, le=1000, description="a whole number from 0 to 1000")
    max_batch: int = Field(default=10, ge=1, le=40, description="a whole number from 1 to 40")

    retention_days: int = Field(
        default=0, ge=0, le=3650, description="a whole number from 0 to 3650"
    )
    gallery_max_gb: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="a number of gigabytes above 0"
    )

    backup_dir: Path | None = Field(default=None, description="a folder's path")
    backup_every_h: float = Field(
        default=24, ge=0.25, le=8760, description="a number of hours from 0.25 to 8760"
    )
    backups_kept: int = Field(default=7, ge=1, le=1000, description="a whole number from 1 to 1000")

    drain_s: float = Field(
        default=60, ge=0, le=3600, description="a number of seconds from 0 to 3600"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )

    log_format: Literal["plain", "json"] = Field(default="plain", description="plain or json")
    log_file: Path | None = Field(default=None, description="a file's path")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="a port, or 0 for none")
    metrics_host: str = Field(default="127.0.0.1", description="an address to listen on")

    @field_validator("owner_ids", "allowed_guilds", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("discord_api_url", "discord_gateway_url")
    @classmethod
    def _whole(cls, value: str) -> str:
        _ = urlsplit(value).port  # ValueError where brackets or port are wrong
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def database(self) -> str:
        """DATABASE_URL, or SQLite in DATA_DIR."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'darkroom.db'}"


def load(env_file: Path | None = Path(".env")) -> Settings:
    """The settings; StartError names the variable that is wrong and says what it takes."""
    if env_file is not None:
        _read(env_file)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name, expected = field.upper(), Settings.model_fields[field].description
        held = os.environ.get(name, first["input"])
        shown = held if len(held) <= _SHOWN else f"{held[:_SHOWN]}…"
        raise StartError(f"{name} must be {expected}, not {shown!r}. See .env.example.") from None


def slips_outside() -> list[str]:
    """A sentence for each variable of the environment that has nearly the name of a setting.

    Only those of Discord: all others may be another program's.
    """
    outside = {name: value for name, value in os.environ.items() if name.startswith("DISCORD")}
    return [
        f"{name} in the environment is not a variable of Darkroom; {meant} is. Correct the name, "
        "or unset it."
        for name, meant in _slips(outside).items()
    ]


def _read(env_file: Path) -> None:
    """Load the file; StartError where it, or an environment without a token, has a slip."""
    try:
        values = darkroom.env_values(env_file)
        for name, meant in _slips(values).items():
            raise StartError(
                f"{name} in {env_file} is not a variable of Darkroom; {meant} is. Correct the "
                "name, or take the line out."
            )
        darkroom.load_env(env_file)
    except darkroom.BadEnvFile as error:
        raise StartError(str(error)) from None
    # With a token in its place the bot can start: the variable may be another program's.
    if not os.environ.get("DISCORD_TOKEN") and (slips := slips_outside()):
        raise StartError(slips[0])


def _slips(values: Mapping[str, str | None]) -> dict[str, str]:
    """The names that are nearly a setting's, each with the setting that was meant.

    Names that are like none of ours are for libraries, such as HF_TOKEN. An empty value counts as
    unset.
    """
    known = [*(name.upper() for name in Settings.model_fields), *_OTHER_NAMES]
    slips = {}
    for name, value in values.items():
        alike = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_ALIKE)
        if value and alike and name.upper() not in known:
            slips[name] = alike[0]
    return slips

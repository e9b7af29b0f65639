"""What the operator sets: environment variables, or `.env` beside the project.

`.env` is loaded into the environment first, so that libraries' own variables such as HF_TOKEN and
HF_HOME reach them too. An empty value counts as unset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from dotenv import load_dotenv
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import StartError

Ids = Annotated[tuple[int, ...], NoDecode]


class Settings(BaseSettings):
    """Every field is an environment variable of the same name in capitals; `.env.example` too."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    discord_token: str = ""
    owner_ids: Ids = ()
    allowed_guilds: Ids = ()
    guild_id: int | None = None
    discord_api_url: str = Field(default="", pattern=r"^(https?://[^/\s]+\S*)?$")
    discord_gateway_url: str = Field(default="", pattern=r"^(wss?://[^/\s]+\S*)?$")

    data_dir: Path = Path("data")
    database_url: str = ""
    models: Path = Path("models.toml")
    default_model: str = ""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    gpu_memory_gb: float | None = Field(default=None, gt=0)
    idle_unload_min: float | None = Field(default=None, gt=0)
    preview_interval_s: float = Field(default=2.0, ge=0.5, le=60)

    trial_credits: float = Field(default=25, ge=0, le=1_000_000)
    guild_allotment_credits: float = Field(default=1000, ge=0, le=1_000_000_000)
    max_running: int = Field(default=3, ge=1, le=100)
    max_queued: int = Field(default=10, ge=0, le=1000)
    max_batch: int = Field(default=10, ge=1, le=40)

    drain_s: float = Field(default=60, ge=0, le=3600)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("owner_ids", "allowed_guilds", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

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
        load_dotenv(env_file)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        held = "" if name == "DISCORD_TOKEN" else f" (it is {first['input']!r})"
        raise StartError(f"{name} is wrong{held}: {first['msg']}. See .env.example.") from None

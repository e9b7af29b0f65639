"""Puts the bot together from its settings."""

from __future__ import annotations

import time
from collections.abc import Callable

import engine
from bot.credits.accounts import Accounts
from bot.credits.pricing import CENTS
from bot.credits.trust import Trust
from bot.jobs.begun import Begun
from bot.jobs.engine_client import EngineClient
from bot.jobs.retention import Retention
from bot.moderation.moderation import Moderation
from bot.moderation.policy import Policy, Quota
from bot.moderation.words import Words
from bot.pictures.store import PictureStore
from bot.preferences import Preferences
from bot.settings import Settings
from bot.storage.audit import Audit
from bot.storage.database import Database
from bot.ui.client import Darkroom, Place
from bot.ui.deferrals import Deferrals


def new_engine(settings: Settings) -> engine.Engine | engine.ClusterEngine:
    """The engine the settings describe, not yet started."""
    if settings.engine == "ray":
        return engine.ray_engine(
            engine.load_catalogue(settings.models),
            address=settings.ray_address,
            gpu_share=settings.cluster_gpu_share,
            cpu_workers=settings.cluster_cpu_workers,
            object_store_mb=settings.cluster_object_store_mb,
            hangs_after_s=settings.cluster_hang_s,
            dtype=settings.dtype,
            preview_interval_s=settings.preview_interval_s,
            owner_cap=settings.max_running,
            gpu_memory_gb=settings.gpu_memory_gb,
            idle_unload_min=settings.idle_unload_min,
            cache_dir=settings.data_dir.absolute() / "engine",
        )
    return engine.Engine(
        engine.load_catalogue(settings.models),
        device=settings.device,
        dtype=settings.dtype,
        preview_interval_s=settings.preview_interval_s,
        owner_cap=settings.max_running,
        gpu_memory_gb=settings.gpu_memory_gb,
        idle_unload_min=settings.idle_unload_min,
        cache_dir=settings.data_dir / "engine",
    )


def new_store(settings: Settings) -> PictureStore:
    """Where the settings keep the pictures."""
    return PictureStore(settings.data_dir / "pictures")


def new_retention(
    settings: Settings, database: Database, now_s: Callable[[], float] = time.time
) -> Retention:
    """What deletes old pictures, as the settings say."""
    return Retention(
        database=database,
        store=new_store(settings),
        now_ms=lambda: int(now_s() * 1000),
        days=settings.retention_days,
        most_bytes=round((settings.gallery_max_gb or 0) * 1e9),
    )


def new_client(
    settings: Settings,
    *,
    database: Database,
    engine_client: EngineClient,
    serving: bool = True,
    now_s: Callable[[], float] = time.time,
) -> Darkroom:
    """The bot, not yet connected.

    `database` is started and `engine_client` runs. serving: take up earlier jobs and sync commands
    by itself once logged in.
    """

    def now_ms() -> int:
        return int(now_s() * 1000)

    audit = Audit(now_ms)
    trust = Trust(owner_ids=settings.owner_ids, allowed=settings.allowed_guilds)
    accounts = Accounts(
        database=database,
        audit=audit,
        trial=round(settings.trial_credits * CENTS),
        trial_after_days=settings.trial_after_days,
        allotment=round(settings.guild_allotment_credits * CENTS),
        now_ms=now_ms,
        trusts=trust.covers,
    )
    preferences = Preferences(database, audit)
    words = Words(database=database, preferences=preferences, audit=audit, now_ms=now_ms)
    moderation = Moderation(
        database=database, preferences=preferences, words=words, audit=audit, now_ms=now_ms
    )
    return Darkroom(
        place=Place(
            owner_ids=settings.owner_ids,
            allowed_guilds=settings.allowed_guilds,
            home_guild_id=settings.guild_id,
            api_url=settings.discord_api_url,
            gateway_url=settings.discord_gateway_url,
        ),
        database=database,
        audit=audit,
        engine_client=engine_client,
        store=new_store(settings),
        begun=Begun(settings.data_dir / "begun"),
        deferrals=Deferrals(settings.data_dir / "deferred"),
        policy=Policy(
            Quota(
                running=settings.max_running,
                queued=settings.max_queued,
                batch=settings.max_batch,
            )
        ),
        accounts=accounts,
        trust=trust,
        moderation=moderation,
        preferences=preferences,
        default_model=settings.default_model,
        progress_interval_s=settings.preview_interval_s,
        now_ms=now_ms,
        serving=serving,
    )

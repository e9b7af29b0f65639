"""`darkroom bot`: start (settings → database → engine → client), and drain on SIGTERM.

Subcommands: `run` (the default), `check` (whether all is well, also beside a running bot), `sync`
(tell Discord the commands), `backup FILE`, `restore FILE`, `health` (for container health checks).
"""

from __future__ import annotations

import darkroom

darkroom.end_quietly_on_ctrl_c()  # before the imports that take seconds

import argparse
import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import discord
from prometheus_client import CollectorRegistry

import engine
from bot import allocator, logs
from bot import settings as settings_
from bot.app import new_client, new_engine, new_retention, new_store
from bot.credits.trust import Trust
from bot.errors import DatabaseInUse, NotFound, StartError
from bot.jobs import backups
from bot.jobs.housekeeping import Chore, Housekeeping
from bot.jobs.leftovers import Leftovers
from bot.jobs.metered import MeteredEngine
from bot.monitoring import Monitoring
from bot.pictures.store import PictureStore
from bot.prompt import brief, grammar
from bot.settings import Settings
from bot.storage.database import Database
from bot.storage.moving import move
from bot.supervisor import Supervisor
from bot.ui import notices
from bot.ui.client import Darkroom, default_model_warning, learn, use_api, use_gateway
from bot.ui.commands.privacy import delete_messages
from bot.ui.replies import NEEDED, PERMISSIONS

log = logging.getLogger("bot")

_WARM_UP = "warm-up"
HEARTBEAT_S = 15.0
STALE_S = 60.0
LEAST_FREE_GB = 2
MOST_SERVERS = 200
"""As many as Discord tells at once."""
LOCK_EVERY_S = 15.0
RETENTION_EVERY_S = 3600.0
DELETE_EVERY_S = 60.0
"""A progress message that is to be deleted stands above the pictures meanwhile."""
BACKUP_LOOK_S = 600.0
"""Between two looks whether a scheduled backup is due; one that failed is tried again then."""
SWEEP_EVERY_S = 24 * 3600.0
TEMPORARY_FOR_S = 3600.0
"""How old a file must be that a killed process left half written, to be deleted."""
_NOT_FOR_OTHERS = 0o027
"""Members' prompts and pictures, the log and copies: no other user of the machine reads them, and
the group only what stands outside a DATA_DIR that was made here."""
LOST_DEVICE = 75
"""Exit status that asks the supervisor to start the bot afresh (EX_TEMPFAIL)."""

_HOW_TO_BEGIN = (
    "DISCORD_TOKEN is not set. Put your bot's token into .env (see .env.example), or try Darkroom "
    "without one: {command} playground"
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    os.umask(os.umask(0) | _NOT_FOR_OTHERS)
    allocator.one_heap()  # before there are threads
    try:
        settings = settings_.load()
        _set_up_logging(settings)
        for slip in settings_.slips_outside():
            log.warning(slip)
        match arguments.action:
            case "check":
                return asyncio.run(_check(settings))
            case "sync":
                asyncio.run(_sync(settings))
            case "health":
                return _health(settings)
            case "backup":
                _backup(settings, arguments.file)
            case "restore":
                asyncio.run(_restore(settings, arguments.file, arguments.pictures))
            case "move-database":
                asyncio.run(_move_database(settings, arguments.url))
            case _:
                return asyncio.run(_run(settings))
    except (StartError, engine.EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{darkroom.command()} bot", description="Darkroom, the Discord bot"
    )
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("run", help="connect and draw (the default)")
    actions.add_parser(
        "check",
        help="whether settings, models, disk, database, card, token and servers are well, also "
        "beside a running bot",
    )
    actions.add_parser("sync", help="tell Discord the commands, even if they are unchanged")
    actions.add_parser("health", help="whether a running bot is alive")
    backup = actions.add_parser("backup", help="copy the database while the bot runs")
    backup.add_argument(
        "file",
        type=Path,
        help="the copy; a file that is there is overwritten. FILE.pictures lists its pictures",
    )
    restoring = actions.add_parser("restore", help="bring a copy back while no bot runs")
    restoring.add_argument("file", type=Path, help="what `backup` made")
    restoring.add_argument(
        "--pictures", type=Path, help="a copy of DATA_DIR/pictures, to bring missing ones from"
    )
    moving = actions.add_parser("move-database", help="copy SQLite's rows into PostgreSQL")
    moving.add_argument("url", help="of an empty database: postgresql+asyncpg://USER@HOST/NAME")
    return parser


def _how_to_begin() -> str:
    return _HOW_TO_BEGIN.format(command=darkroom.command())


def _set_up_logging(settings: Settings) -> None:
    handler = logging.StreamHandler()
    written = logs.Json() if settings.log_format == "json" else logs.plain()
    shown: logging.Formatter = written
    if settings.log_format == "plain" and sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        shown = discord.utils._ColourFormatter()  # noqa: SLF001 - setup_logging wraps no other
    discord.utils.setup_logging(
        handler=handler,
        formatter=logs.Discreet(shown, settings.discord_token),
        level=logging.getLevelNamesMapping()[settings.log_level],
    )
    if settings.log_file is not None:
        try:
            file = logs.rotating(settings.log_file, logs.Discreet(written, settings.discord_token))
        except OSError as error:
            raise StartError(f"LOG_FILE cannot be written: {error}.") from None
        logging.getLogger().addHandler(file)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice here


async def _run(settings: Settings) -> int:
    """Everything until the end of the process; returns the exit status."""
    if not settings.discord_token:
        raise StartError(_how_to_begin())
    copying = _backups(settings)
    use_api(settings.discord_api_url)
    use_gateway(settings.discord_gateway_url)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"DATA_DIR cannot be made: {error}.") from None
    database = Database(settings.database)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await database.start()
        registry = CollectorRegistry()
        drawing = new_engine(settings)
        await drawing.start()
        stack.push_async_callback(drawing.close)
        allocator.keep_apart(drawing.status().device)
        engine_client = MeteredEngine(drawing, registry)
        client = new_client(settings, database=database, engine_client=engine_client)
        stack.push_async_callback(client.close)
        stack.push_async_callback(client.drain, 0)
        if hint := client.model_hint():
            log.info(hint)
        if warning := client.default_model_warning():
            log.warning(warning)
        if settings.metrics_port:
            monitoring = Monitoring(
                client=client, database=database, engine_client=engine_client, registry=registry
            )
            stack.push_async_callback(monitoring.close)
            await monitoring.start(settings.metrics_host, settings.metrics_port)
        warming = asyncio.create_task(_warm_up(client), name="warm-up")
        stack.callback(warming.cancel)
        return await _until_stopped(client, settings, warming, copying)


async def _warm_up(client: Darkroom) -> None:
    """Load the model that draws where a prompt names none, so that nobody waits for it later.

    A job of one step does it: it is queued, drawn and thrown away like any other.
    """
    try:
        models = client.engine_client.models()
        model = brief.choose_model(grammar.parse("a"), models, default=client.default_model)
        job = engine.DrawJob(
            id=_WARM_UP,
            owner="the start",
            model=model.name,
            prompt=(engine.WeightedText(text="a"),),
            images=1,
            steps=1,
            guidance=model.guidance,
            width_px=model.width_px,
            height_px=model.height_px,
            previews=False,
        )
        async for event in client.engine_client.run(job):
            if isinstance(event, engine.Failed):
                log.warning("%s cannot draw: %s", model.title, event.reason)
    except asyncio.CancelledError:
        client.engine_client.cancel(_WARM_UP)  # or a stop would wait until the model is loaded
        raise
    except (NotFound, ValueError, engine.EngineError) as error:
        log.warning("no model is loaded yet: %s", error)


async def _until_stopped(
    client: Darkroom, settings: Settings, warming: asyncio.Task[None], more: tuple[Chore, ...]
) -> int:
    stop, supervisor = asyncio.Event(), Supervisor()
    _on_signal(stop)
    running = asyncio.create_task(client.start(settings.discord_token), name="client")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    lost = asyncio.create_task(client.runner.lost.wait(), name="lost")
    shared = asyncio.Event()
    doubled = asyncio.create_task(shared.wait(), name="doubled")
    chores = (
        *_chores(settings, client.database, shared),
        _retention(settings, client),
        _deletions(client),
        *more,
        *_signs_of_life(supervisor),
    )
    greeting = asyncio.create_task(_say_ready(client, supervisor), name="ready")
    housekeeping = asyncio.create_task(Housekeeping(chores).run(), name="housekeeping")
    ends = {running, stopping, lost, doubled}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    supervisor.stopping()
    for task in (stopping, lost, doubled, housekeeping, warming, greeting):
        task.cancel()
    await asyncio.wait({warming, housekeeping})  # a chore is in the database, which is closed next
    if running.done():
        with _in_words():
            await running
        return 1
    if lost.done() and not lost.cancelled():
        log.critical("the device is lost; exiting so that the supervisor starts the bot afresh")
        status = LOST_DEVICE
    elif shared.is_set():
        log.critical("another Darkroom has taken over the database; exiting")
        status = 1
    else:
        log.info("stopping: running jobs may finish for %.0f s, queued ones stay", settings.drain_s)
        await client.drain(settings.drain_s)
        status = 0
    await client.close()
    await asyncio.wait({running})
    return status


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Turn what an operator can mend about the connection into one sentence."""
    try:
        yield
    except discord.LoginFailure:
        raise StartError(
            "DISCORD_TOKEN was refused by Discord; copy it again from the bot page of the "
            "developer portal."
        ) from None
    except discord.PrivilegedIntentsRequired as error:
        raise StartError(str(error)) from None
    except discord.Forbidden as error:
        raise StartError(
            f"Discord refused the bot ({error.text}); where GUILD_ID is set, invite it there first."
        ) from None
    except (discord.DiscordException, OSError) as error:
        raise StartError(f"Discord cannot be reached: {error}.") from None


async def _check(settings: Settings) -> int:
    """Say of each thing whether it is well; 1 where one is not."""
    logging.getLogger("discord").setLevel(logging.WARNING)
    status = 0
    for name, look in (
        ("catalogue", _look_at_catalogue),
        ("disk", _look_at_disk),
        ("database", _look_at_database),
        ("card", _look_at_card),
        ("device", _look_at_device),
        ("token", _look_at_token),
        ("servers", _look_at_servers),
    ):
        try:
            said = await look(settings)
            if said:
                print(f"{name:10} ok     {said}", flush=True)
        except (StartError, engine.EngineError) as error:
            print(f"{name:10} wrong  {error}", flush=True)
            status = 1
    return status


async def _look_at_catalogue(settings: Settings) -> str:
    models = engine.load_catalogue(settings.models)
    drawing = [spec.info for spec in models if spec.draws]
    installed = [info.title for info in drawing if info.installed]
    if not installed:
        raise StartError(
            f"none of the {len(models)} models in {settings.models} is installed; get one with "
            f"{darkroom.command()} engine fetch NAME"
        )
    warning = default_model_warning(settings.default_model, drawing)
    there = f"{len(models)} models in {settings.models}; installed: {', '.join(installed)}"
    return f"{there}. {warning}" if warning else there


async def _look_at_database(settings: Settings) -> str:
    database = Database(settings.database)
    try:
        stands = await database.look()
    finally:
        await database.close()
    return f"{stands}. A bot runs on it" if _runs_here(settings) else stands


async def _look_at_disk(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    said = f"{free_gb:.1f} GB free for the database and the pictures, in {settings.data_dir}"
    if free_gb < LEAST_FREE_GB:
        raise StartError(f"{said}; make room: below {LEAST_FREE_GB} GB pictures may be lost.")
    return said


async def _look_at_card(settings: Settings) -> str:
    """Nothing where no driver of NVIDIA's is here."""
    if settings.device == "cpu" or settings.engine == "ray":
        return ""
    seen, wrong = await asyncio.to_thread(engine.card_report)
    if wrong:
        raise StartError(f"{seen}. {wrong}")
    return seen


async def _look_at_device(settings: Settings) -> str:
    if settings.engine == "ray" and _runs_here(settings):
        return "not looked at: the bot that runs here has the cluster; /queue show names workers"
    drawing = new_engine(settings)
    await drawing.start()
    try:
        status = drawing.status()
    finally:
        await drawing.close()
    return f"{status.device}. {status.extras.get('reason', '')}".rstrip(" .")


async def _look_at_token(settings: Settings) -> str:
    """Log in, as at a start, but without connecting."""
    if not settings.discord_token:
        raise StartError(_how_to_begin())
    use_api(settings.discord_api_url)
    async with discord.Client(intents=discord.Intents(guilds=True)) as client:
        with _in_words():
            await client.login(settings.discord_token)
        trust = Trust(owner_ids=settings.owner_ids, allowed=settings.allowed_guilds)
        learn(trust, client)
        return f"Discord knows it as {client.user}. {trust.warning()}".rstrip(" .")


async def _look_at_servers(settings: Settings) -> str:
    """What the bot's roles allow in each server; channels may still say otherwise."""
    if not settings.discord_token:
        return ""
    use_api(settings.discord_api_url)
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(settings.discord_token)
        except (discord.DiscordException, OSError):
            return ""  # the line about the token tells why
        with _in_words():
            guilds = await client.http.get_guilds(MOST_SERVERS, with_counts=False)
    lacking = []
    for guild in guilds:
        allowed = discord.Permissions(int(guild.get("permissions", PERMISSIONS.value)))
        names = [str(called) for name, called in NEEDED.items() if not getattr(allowed, name)]
        if names and not allowed.administrator:
            lacking.append(f"{guild['name']} lacks {', '.join(names)}")
    if lacking:
        raise StartError(
            "; ".join(lacking) + ". Allow it to the bot's role there, or invite the bot again."
        )
    count = len(guilds)
    more = " or more" if count == MOST_SERVERS else ""
    return f"{count}{more}, with all permissions that are needed, as far as no channel forbids one"


def _runs_here(settings: Settings) -> bool:
    """Whether a bot on this DATA_DIR was alive just now."""
    try:
        return time.time() - _heartbeat(settings).stat().st_mtime < STALE_S
    except OSError:
        return False


async def _sync(settings: Settings) -> None:
    if not settings.discord_token:
        raise StartError(_how_to_begin())
    use_api(settings.discord_api_url)
    database = Database(settings.database)
    try:
        try:
            await database.start()
        except DatabaseInUse:
            await database.start_beside()
        client = new_client(
            settings, database=database, engine_client=new_engine(settings), serving=False
        )
        async with client:
            with _in_words():
                await client.login(settings.discord_token)
                await client.sync_commands(force=True)
    finally:
        await database.close()
    print("commands synced")


def _backup(settings: Settings, file: Path) -> None:
    source, store = _sqlite(settings), new_store(settings)
    try:
        counted = backups.back_up(source, file, store)
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"The database was not copied to {file}: {error}.") from None
    gone = f", {counted.missing} more are gone" if counted.missing else ""
    print(f"copied to {file}; {backups.list_of(file)} lists its {counted.there} pictures{gone}")


async def _restore(settings: Settings, file: Path, pictures: Path | None) -> None:
    database, store = Database(settings.database), new_store(settings)
    other = PictureStore(pictures) if pictures is not None else None
    try:
        print(await backups.restore(database, file, store, from_=other))
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"{file} was not restored: {error}.") from None


def _sqlite(settings: Settings) -> Path:
    """The database's file."""
    path = Database(settings.database).path
    if path is None:
        raise StartError("Backups here are of SQLite; for PostgreSQL use pg_dump.")
    return path


async def _move_database(settings: Settings, url: str) -> None:
    source = Database(settings.database)
    target = Database(url, named="URL")
    try:
        for name, count in (await move(source, target)).items():
            print(f"{name:16} {count:9} rows")
    finally:
        await target.close()
        await source.close()
    print(
        "All rows were compared. Set DATABASE_URL to that address; the pictures stay in DATA_DIR."
    )


def _health(settings: Settings) -> int:
    try:
        age_s = time.time() - _heartbeat(settings).stat().st_mtime
    except FileNotFoundError:
        print("no bot runs here")
        return 1
    print(f"last heartbeat {age_s:.0f} s ago")
    return 0 if age_s < STALE_S else 1


def _heartbeat(settings: Settings) -> Path:
    return settings.data_dir / "heartbeat"


def _chores(settings: Settings, database: Database, shared: asyncio.Event) -> tuple[Chore, ...]:
    """What the process does beside the members' work, again and again.

    shared: set when another process is on the database.
    """
    heartbeat, store = _heartbeat(settings), new_store(settings)
    leftovers = Leftovers(database=database, store=store, now_s=time.time)

    async def beat() -> None:
        """From the event loop: one that is stuck stops it."""
        await asyncio.to_thread(heartbeat.touch)

    async def clear() -> None:
        await asyncio.to_thread(store.clear_temporary, TEMPORARY_FOR_S)

    async def sweep() -> None:
        await leftovers.sweep()

    async def give_back() -> None:
        await asyncio.to_thread(allocator.give_back)

    async def keep_lock() -> None:
        if not await database.keeps_lock():
            shared.set()

    return (
        Chore(name="the database's lock", every_s=LOCK_EVERY_S, work=keep_lock),
        Chore(name="heartbeat", every_s=HEARTBEAT_S, work=beat),
        Chore(name="free memory", every_s=allocator.EVERY_S, work=give_back),
        Chore(name="temporary files", every_s=TEMPORARY_FOR_S, work=clear),
        Chore(name="files of no job", every_s=SWEEP_EVERY_S, work=sweep),
    )


def _retention(settings: Settings, client: Darkroom) -> Chore:
    retention = new_retention(settings, client.database)

    async def work() -> None:
        await client.wait_until_ready()  # members are told by direct message
        await retention.work(partial(notices.tell, client))

    return Chore(name="old pictures", every_s=RETENTION_EVERY_S, work=work)


def _backups(settings: Settings) -> tuple[Chore, ...]:
    """Copies of the database by BACKUP_DIR, if there are to be any."""
    folder = settings.backup_dir
    if folder is None:
        return ()
    source = _sqlite(settings)

    async def work() -> None:
        made = await asyncio.to_thread(
            backups.back_up_by_schedule,
            source,
            folder,
            new_store(settings),
            every_s=settings.backup_every_h * 3600,
            kept=settings.backups_kept,
            now_s=time.time(),
        )
        if made is not None:
            log.info("the database was copied to %s", made)

    return (Chore(name="backup", every_s=BACKUP_LOOK_S, work=work),)


async def _say_ready(client: Darkroom, supervisor: Supervisor) -> None:
    await client.wait_until_ready()
    supervisor.ready()


def _signs_of_life(supervisor: Supervisor) -> tuple[Chore, ...]:
    """For systemd, where its unit asks for them."""
    if not supervisor.every_s:
        return ()

    async def work() -> None:
        supervisor.alive()

    return (Chore(name="signs of life", every_s=supervisor.every_s, work=work),)


def _deletions(client: Darkroom) -> Chore:
    """What a restart or a fault of Discord's or of the disk kept from being deleted: what members
    erased, and progress messages.
    """

    async def work() -> None:
        await client.privacy.deletions.delete_files()
        await client.wait_until_ready()
        await delete_messages(client)

    return Chore(name="what is to be deleted", every_s=DELETE_EVERY_S, work=work)


def _on_signal(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    names = ("SIGTERM", "SIGINT")
    if os.name == "nt":  # no signal handlers on the loop there; Ctrl-Break is how others ask
        for name in (*names, "SIGBREAK"):
            signal.signal(getattr(signal, name), lambda *_: loop.call_soon_threadsafe(stop.set))
        return
    for name in names:
        loop.add_signal_handler(getattr(signal, name), stop.set)


if __name__ == "__main__":
    raise SystemExit(main())

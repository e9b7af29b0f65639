"""Who manages another server spends, mints, changes and reads nothing in this one."""

import json

import discord
import pytest
import sqlalchemy as sa
from tests_support import custom_ids, refusal

from bot.storage.tables import accounts, metadata

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)

SECRETS = ("Patrons' plan", "hush phrase", "secret cat", "another cat", "7.77")


async def kept(database, guild_id):
    """Every row of the server, and of its accounts."""
    found = {}
    own = sa.select(accounts.c.id).where(accounts.c.guild_id == guild_id)
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            if "guild_id" in table.c:
                query = sa.select(table).where(table.c.guild_id == guild_id)
            elif "account_id" in table.c:
                query = sa.select(table).where(table.c.account_id.in_(own))
            else:
                continue
            rows = await connection.execute(query)
            found[table.name] = sorted(map(repr, rows.all()))
    return found


async def total(database):
    """What the ledger holds in all servers, and what may still be granted."""
    async with database.read() as connection:
        purses = metadata.tables["purses"].c.available
        return [
            await connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(column), 0)))
            for column in (purses, metadata.tables["guilds"].c.allotment)
        ]


def said(result):
    """Everything that the answer shows."""
    shown = []
    for each in (result.response, *result.followups):
        message = getattr(each, "message", each)
        if message is None:
            continue
        shown.append(message.content or "")
        shown += [json.dumps(each.to_dict(), ensure_ascii=False) for each in message.embeds]
    return "\n".join(shown)


@pytest.fixture
def patron(guild):
    return guild.create_role("Patrons")


@pytest.fixture
async def code(simcord_env, simcord_bot, guild, channel, manager, patron, alice):
    """A gift code of this server, which has something of everything."""
    await manager.slash(channel, "credits grant", member=alice, amount=50.0)
    await manager.slash(channel, "credits grant", role=patron, amount=7.77)
    text = await simcord_bot.accounts.create_code(
        guild_id=guild.id, amount=700, uses=3, days=3, actor_id=manager.id, by_owner=False
    )
    await manager.slash(channel, "plan create", name="Patrons' plan", monthly=5.0)
    await manager.slash(channel, "plan bind", name="Patrons' plan", role=patron)
    await manager.slash(channel, "quota set", who=alice, period="day", amount=20.0)
    await manager.slash(channel, "words add", phrase="hush phrase")
    await manager.slash(channel, "credits gifts", allowed=True)
    await alice.slash(channel, "imagine", prompt="a secret cat")
    await manager.slash(channel, "queue pause")
    await alice.slash(channel, "imagine", prompt="another cat")  # it waits
    await simcord_env.settle()
    return text


@pytest.fixture
async def job_id(database, code):
    jobs = metadata.tables["jobs"]
    async with database.read() as connection:
        return await connection.scalar(sa.select(jobs.c.id).where(jobs.c.outcome == "open"))


@pytest.fixture
def hall(simcord_env):
    return simcord_env.create_guild("Other").create_text_channel("hall")


@pytest.fixture
def alice_there(hall, alice):
    return hall.guild.add_member(alice.user)


@pytest.fixture
def stranger(simcord_env, hall):
    """Who manages the other server."""
    powers = hall.guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return hall.guild.add_member(simcord_env.create_user("stranger"), roles=[powers])


async def exported(manager, channel):
    result = await manager.slash(channel, "config export")
    return await result.response.message.attachments[0].read()


async def test_from_their_own_server_they_change_and_read_nothing_here(
    simcord_env,
    simcord_bot,
    database,
    guild,
    channel,
    manager,
    alice,
    alice_there,
    hall,
    stranger,
    patron,
    code,
    job_id,
):
    ours = await exported(manager, channel)
    before = await kept(database, guild.id)
    commands = {
        "credits grant": [{"member": alice_there, "amount": 5.0}],
        "credits revoke": [{"member": alice_there, "amount": 5.0}],
        "credits set": [{"member": alice_there, "amount": 0.0}],
        "credits show": [{"member": alice_there}],
        "credits history": [{"member": alice_there}],
        "credits export": [{}],
        "credits code list": [{}],
        "credits code delete": [{"number": 1}, {"number": 2}],
        "redeem": [{"code": code}],
        "plan list": [{}],
        "plan edit": [{"name": "Patrons' plan", "monthly": 1000.0}],
        "plan delete": [{"name": "Patrons' plan"}],
        "plan unbind": [{"role": str(patron.id)}],
        "quota set": [{"who": alice_there, "period": "day", "amount": 0.0}],
        "quota show": [{}],
        "queue show": [{}],
        "queue cancel": [{"job": job_id}, {"member": alice_there}, {"everything": True}],
        "queue resume": [{}],
        "words list": [{}],
        "words remove": [{"phrase": "hush phrase"}],
        "words test": [{"text": "a hush phrase"}],
        "member block": [{"member": alice_there}],
        "member strikes": [{"member": alice_there}],
        "audit": [{}],
        "stats": [{}],
        "server buttons": [{"who": "owners"}],
        "credits gifts": [{"allowed": False}],
        "config import": [{"file": ("ours.json", ours)}],
    }
    for command, ways in commands.items():
        for options in ways:
            result = await stranger.slash(hall, command, **options)
            for button in (each for each in _ids(result) if each.endswith(":y")):
                await stranger.click(result.response.message, custom_id=button)
            await simcord_env.settle()
            answer = said(result)
            typed = str(options)
            assert not [each for each in SECRETS if each in answer and each not in typed], command
            assert await kept(database, guild.id) == before, command
    result = await stranger.slash(hall, "config import", file=("ours.json", ours))
    assert "of another server" in refusal(result).description


def _ids(result):
    message = getattr(result.response, "message", None)
    return custom_ids(message) if message is not None else []


async def test_a_file_of_this_server_that_claims_to_be_theirs_binds_nothing_of_it(
    simcord_env, database, guild, channel, manager, hall, stranger, patron, code
):
    document = json.loads(await exported(manager, channel))
    document["server"] = str(hall.guild.id)
    before, all_before = await kept(database, guild.id), await total(database)
    file = ("theirs.json", json.dumps(document).encode())
    result = await stranger.slash(hall, "config import", file=file)
    for button in (each for each in _ids(result) if each.endswith(":y")):
        await stranger.click(result.response.message, custom_id=button)
    await simcord_env.settle()
    assert await kept(database, guild.id) == before
    assert await total(database) == all_before


@pytest.mark.usefixtures("shown_to_all")
async def test_as_a_member_here_they_are_one_of_many(
    simcord_env, database, guild, channel, alice, hall, stranger, job_id
):
    here = guild.add_member(stranger.user)
    await simcord_env.settle()
    await here.slash(channel, "info")  # opens their account
    before = await kept(database, guild.id)
    commands = {
        "credits grant": {"member": here, "amount": 5.0},
        "credits revoke": {"member": alice, "amount": 5.0},
        "credits set": {"member": here, "amount": 900.0},
        "credits code create": {"amount": 5.0},
        "credits code list": {},
        "credits allot": {"amount": 900.0},
        "credits export": {},
        "plan edit": {"name": "Patrons' plan", "monthly": 1000.0},
        "plan list": {},
        "quota set": {"who": here, "period": "day", "amount": 900.0},
        "queue cancel": {"job": job_id},
        "words remove": {"phrase": "hush phrase"},
        "audit": {},
        "config export": {},
        "config import": {"file": ("x.json", b"{}")},
    }
    for command, options in commands.items():
        refused = refusal(await here.slash(channel, command, **options)).description
        assert "Only" in refused, command
        assert await kept(database, guild.id) == before, command


async def test_what_they_grant_at_home_buys_nothing_here(
    simcord_env, simcord_bot, guild, channel, hall, stranger, bob
):
    bob_there = hall.guild.add_member(bob.user)
    await simcord_bot.accounts.balance(guild_id=guild.id, user_id=bob.id)
    await stranger.slash(hall, "credits grant", member=bob_there, amount=900.0)
    await bob.slash(channel, "info")
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=bob.id)
    assert balance.available == 2500
    there = await simcord_bot.accounts.balance(guild_id=hall.guild.id, user_id=bob.id)
    assert there.available == 92_500
    for number in range(26):  # what is left of 25 trial credits does not reach
        await bob.slash(channel, "imagine", prompt=f"a cat of number {number}")
        await simcord_env.settle()
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=bob.id)
    assert balance.available == 0
    there = await simcord_bot.accounts.balance(guild_id=hall.guild.id, user_id=bob.id)
    assert there.available == 92_500

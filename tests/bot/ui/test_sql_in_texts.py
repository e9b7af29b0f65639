"""No text that anybody may type is a part of SQL: every text option of every command."""

import dataclasses
import logging

import discord
import pytest
from discord import app_commands
from sqlalchemy import inspect, text
from tests_support import png

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)

HOSTILE = (
    "'; DROP TABLE jobs; --",
    '" OR 1=1; DELETE FROM accounts; --',
    "%_\\'\\\"`[]{}$1 :name ?",
    "') UNION SELECT stored FROM jobs --",
)


def tables(connection):
    """Each table with the names of its columns."""
    found = inspect(connection)
    return {
        name: [column["name"] for column in found.get_columns(name)]
        for name in found.get_table_names()
    }


def leaves(commands, before=""):
    for command in commands:
        name = f"{before}{command.name}"
        if isinstance(command, app_commands.Group):
            yield from leaves(command.commands, f"{name} ")
        elif isinstance(command, app_commands.Command):
            yield name, command


def filled(parameter, words, people):
    """A value for an option."""
    if parameter.choices:
        return parameter.choices[0].value
    least = parameter.min_value or 0
    kind = discord.AppCommandOptionType
    values = {
        kind.string: words[: int(parameter.max_value or 4000)].ljust(int(least), "x"),
        kind.integer: int(least or 1),
        kind.number: float(least or 1),
        kind.boolean: True,
        kind.attachment: ("a'; DROP TABLE jobs; --.png", png()),
        kind.user: people["member"],
        kind.mentionable: people["member"],
        kind.role: people["role"],
        kind.channel: people["channel"],
    }
    return values[parameter.type]


@pytest.mark.parametrize("words", HOSTILE)
async def test_no_option_and_no_completion_of_one_reaches_the_database_as_sql(
    simcord_env, simcord_bot, guild, channel, manager, alice, database, words, caplog
):
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(manager.id,))
    people = {"member": alice, "role": guild.create_role("R"), "channel": channel}
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    async with database.read() as connection:
        before = await connection.run_sync(tables)
    assert "jobs" in before
    tried = 0
    for name, command in leaves(simcord_bot.tree.get_commands()):
        options = {each.display_name: each for each in command.parameters}
        if not any(each.type is discord.AppCommandOptionType.string for each in options.values()):
            continue
        values = {each: filled(option, words, people) for each, option in options.items()}
        with caplog.at_level(logging.ERROR):
            await manager.slash(channel, name, **values)
            for each, option in options.items():
                if option.autocomplete:
                    await manager.autocomplete(channel, name, each, words[:100])
            await simcord_env.settle()
        tried += 1
        broken = [record.getMessage() for record in caplog.records if "sql" in record.name.lower()]
        assert broken == [], name
        assert "Traceback" not in caplog.text, name
    assert tried > 15
    async with database.read() as connection:
        assert await connection.run_sync(tables) == before
        assert await connection.scalar(text("SELECT count(*) FROM jobs")) >= 1
        assert await connection.scalar(text("SELECT count(*) FROM accounts")) >= 1

"""/words: which phrases are refused in a server, for who manages it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import UserError
from bot.moderation import words as lists
from bot.moderation.phrases import Category, Level, Rule
from bot.moderation.words import MOST_IMPORT_BYTES, NAMES, SWITCHED
from bot.ui.commands.completion import CHOICE_CHARACTERS, CHOICES
from bot.ui.commands.managing import action_of, managed_guild
from bot.ui.deferrals import think
from bot.ui.language import to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_LISTED = 40
_NOBODY = discord.AllowedMentions.none()
_LEVELS = [
    app_commands.Choice(name=Sentence("block: the order is refused"), value="block"),
    app_commands.Choice(name=Sentence("warn: taken, and the member is told"), value="warn"),
    app_commands.Choice(name=Sentence("spoiler: taken, the picture is hidden"), value="spoiler"),
    app_commands.Choice(name=Sentence("allow: other phrases do not count in it"), value="allow"),
]
_CATEGORIES = [app_commands.Choice(name=NAMES[each], value=each.value) for each in SWITCHED]
Phrase = app_commands.Range[str, 1, 100]


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Words(
    app_commands.Group, name="words", description=Sentence("Phrases that are refused in prompts.")
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(description=Sentence("Add a phrase, or give it another level."))
    @app_commands.describe(
        phrase=Sentence("Plain words; a * stands for any letters."),
        level=Sentence("What it does; without it block."),
    )
    @app_commands.choices(level=_LEVELS)
    async def add(
        self, interaction: discord.Interaction[Darkroom], phrase: Phrase, level: str = Level.BLOCK
    ) -> None:
        rule = Rule(phrase=phrase, level=Level(level))
        action = action_of(interaction, subject=phrase, detail=f"level: {level}")
        await interaction.client.moderation.words.add([rule], action)
        said = Sentence("`{phrase}` is a rule of this server now.", phrase=_code(phrase))
        await _say(interaction, said)

    @app_commands.command(description=Sentence("Take a phrase of this server's own away."))
    @app_commands.describe(phrase=Sentence("As /words list has it."))
    async def remove(self, interaction: discord.Interaction[Darkroom], phrase: Phrase) -> None:
        action = action_of(interaction, subject=phrase)
        await interaction.client.moderation.words.remove(phrase, action)
        said = Sentence("`{phrase}` is no rule of this server any more.", phrase=_code(phrase))
        await _say(interaction, said)

    @remove.autocomplete("phrase")
    async def _own(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        guild_id = managed_guild(interaction)
        own = await interaction.client.moderation.words.own(guild_id)
        found = [each.phrase for each in own if typed.casefold() in each.phrase.casefold()]
        return [
            app_commands.Choice(name=each[:CHOICE_CHARACTERS], value=each[:CHOICE_CHARACTERS])
            for each in found[:CHOICES]
        ]

    @app_commands.command(
        name="list", description=Sentence("The rules of this server, as a file too.")
    )
    async def list_(self, interaction: discord.Interaction[Darkroom]) -> None:
        words, guild_id = interaction.client.moderation.words, managed_guild(interaction)
        own, on = await words.own(guild_id), await words.categories(guild_id)
        states = [
            Sentence(
                "{category}: {state}",
                category=NAMES[each],
                state=Sentence("on") if each in on else Sentence("off"),
            )
            for each in SWITCHED
        ]
        lines = [to_member(interaction, each) for each in states]
        lines += [f"`{_code(each.phrase)}` {each.level}" for each in own[:_LISTED]]
        if len(own) > _LISTED:
            more = Sentence("… and {count} more", count=len(own) - _LISTED)
            lines.append(to_member(interaction, more))
        file = discord.utils.MISSING
        if own:
            file = discord.File(io.BytesIO(lists.as_list(own).encode()), "words.txt")
        shown = discord.Embed(
            title=to_member(interaction, Sentence("Words")), description="\n".join(lines)[:4096]
        )
        await interaction.response.send_message(embed=shown, file=file, ephemeral=True)

    @app_commands.command(description=Sentence("Which rules a text meets; nobody gets a strike."))
    @app_commands.describe(text=Sentence("A prompt."))
    async def test(
        self, interaction: discord.Interaction[Darkroom], text: app_commands.Range[str, 1, 4000]
    ) -> None:
        guild_id = managed_guild(interaction)
        hits = await interaction.client.moderation.found_in(guild_id, text)
        lines = [
            Sentence(
                "`{phrase}`: {level}, {category}",
                phrase=_code(hit.rule.phrase),
                level=hit.rule.level,
                category=NAMES[hit.rule.category],
            )
            for hit in hits[:_LISTED]
        ] or [Sentence("This text meets no rule here.")]
        await interaction.response.send_message(
            "\n".join(to_member(interaction, line) for line in lines)[:2000],
            ephemeral=True,
            allowed_mentions=_NOBODY,
        )

    @app_commands.command(
        name="import", description=Sentence("Add a list: a phrase a line, or level,phrase.")
    )
    @app_commands.describe(file=Sentence("A text file, such as /words list gives."))
    async def import_(
        self, interaction: discord.Interaction[Darkroom], file: discord.Attachment
    ) -> None:
        action = action_of(interaction, subject=file.filename)
        if file.size > MOST_IMPORT_BYTES:  # before any of it is fetched
            raise lists.too_large(file.size)
        await think(interaction, ephemeral=True)
        try:
            data = await file.read()
        except discord.HTTPException:
            raise UserError("This file could not be read from Discord; attach it again.") from None
        rules = lists.read_list(data)
        new = await interaction.client.moderation.words.add(rules, action)
        said = Sentence(
            "{count} phrases were read; {new} of them are new.", count=len(rules), new=new
        )
        await interaction.edit_original_response(content=to_member(interaction, said))

    @app_commands.command(description=Sentence("Switch a category of the starter list on or off."))
    @app_commands.describe(
        name=Sentence("Which category."), on=Sentence("Whether its phrases count here.")
    )
    @app_commands.choices(name=_CATEGORIES)
    async def category(
        self,
        interaction: discord.Interaction[Darkroom],
        name: str,
        on: bool,  # noqa: FBT001 - a command's option
    ) -> None:
        action = action_of(interaction, subject=name, detail=f"on: {on}")
        await interaction.client.moderation.words.switch(Category(name), on=on, action=action)
        values = {"category": NAMES[Category(name)]}
        said = (
            Sentence("Prompts are looked through for {category} here now.", **values)
            if on
            else Sentence("Prompts are not looked through for {category} here any more.", **values)
        )
        await _say(interaction, said)


def _code(phrase: str) -> str:
    return phrase.replace("`", "")


async def _say(interaction: discord.Interaction[Darkroom], said: Sentence) -> None:
    await interaction.response.send_message(
        to_member(interaction, said), ephemeral=True, allowed_mentions=_NOBODY
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Words())

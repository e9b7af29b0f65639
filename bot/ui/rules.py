"""A server's rules, accepted once by each member, and three prompts to begin with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.errors import NotFound
from bot.locale import translated
from bot.preferences import RULES
from bot.ui.language import member_locale, to_member
from bot.ui.persistent_buttons import PersistentButton, matched
from bot.ui.refusal_buttons import RULES as PREFIX
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

EXAMPLE = "exa"
EXAMPLES = (
    "a red cat at night, watercolour",
    "a lighthouse in a storm, oil painting --ar 3:2",
    "a small house under a large moon, woodblock print",
)
"""Prompts for who has not drawn yet."""
_NUMBER = re.compile(rf"[1-{len(EXAMPLES)}]")


def examples(language: str) -> discord.ui.View:
    """A button for each example."""
    shown = discord.ui.View(timeout=None)
    for number in range(1, len(EXAMPLES) + 1):
        shown.add_item(ExampleButton.of(number, language))
    shown.stop()
    return shown


def examples_text() -> Sentence:
    """What stands above the buttons."""
    listed = "\n".join(f"{number}. {prompt}" for number, prompt in enumerate(EXAMPLES, 1))
    return Sentence(
        "To begin with, press one of these, or use /imagine:\n{prompts}", prompts=listed
    )


async def beginning(interaction: discord.Interaction[Darkroom]) -> dict[str, Any]:
    """What a reply has besides for who has drawn nothing yet: examples, with a button for each."""
    if (await interaction.client.lookup.tally(interaction.user.id)).finished:
        return {}
    return {
        "content": to_member(interaction, examples_text()),
        "view": examples(member_locale(interaction)),
    }


class RulesButton(PersistentButton, template=rf"{PREFIX}:(?P<rest>.+)"):
    """Accepts the rules whose hash it names; another text of rules is shown first."""

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        await _accept(interaction, match["rest"])


async def _accept(interaction: discord.Interaction[Darkroom], sha256: str) -> None:
    client, guild_id = interaction.client, interaction.guild_id or 0
    if not await client.moderation.accept_rules(guild_id, interaction.user.id, sha256):
        if (await client.preferences.of(guild_id)).get(RULES):
            raise NotFound("These rules have changed since; read them with /rules show.")
        raise NotFound("This server has no rules to accept any more; send your order again.")
    said = Sentence("Thank you; you can order pictures here now.")
    text = f"{to_member(interaction, said)}\n{to_member(interaction, examples_text())}"
    await interaction.response.send_message(
        text, view=examples(member_locale(interaction)), ephemeral=True
    )


class ExampleButton(PersistentButton, template=rf"{EXAMPLE}:(?P<rest>.+)"):
    """Draws an example, for who presses. The template is wide: a forged id is answered too."""

    @classmethod
    def of(cls, number: int, language: str) -> Self:
        """number: from 1."""
        label = translated(Sentence("Draw {number}", number=number), language)
        return cls(discord.ui.Button(custom_id=f"{EXAMPLE}:{number}", label=label))

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        number = int(matched(_NUMBER, match["rest"])[0])
        await interaction.client.interactions.imagine(interaction, EXAMPLES[number - 1])

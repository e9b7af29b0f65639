"""A server's rules, accepted once by each member, and three prompts to begin with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.errors import NotFound
from bot.locale import translated
from bot.preferences import RULES
from bot.ui.language import member_locale, to_member
from bot.ui.refusal_buttons import RULES as PREFIX
from bot.ui.refusals import answer
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


class RulesButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{PREFIX}:(?P<rest>.+)",
):
    """Accepts the rules whose hash it names; another text of rules is shown first."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], rest: str) -> None:
        super().__init__(item)
        self._rest = rest

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item, match["rest"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            await _accept(interaction, self._rest)
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)


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


class ExampleButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{EXAMPLE}:(?P<rest>.+)",
):
    """Draws an example, for who presses."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], rest: str) -> None:
        super().__init__(item)
        self._rest = rest

    @classmethod
    def of(cls, number: int, language: str) -> ExampleButton:
        """number: from 1."""
        label = translated(Sentence("Draw {number}", number=number), language)
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            custom_id=f"{EXAMPLE}:{number}", label=label
        )
        return cls(button, str(number))

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item, match["rest"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            chosen = dict(zip("123", EXAMPLES, strict=True)).get(self._rest)
            if chosen is None:
                raise NotFound("This button is not one of Darkroom's; send the command again.")  # noqa: TRY301 - answered below, as all
            await interaction.client.interactions.imagine(interaction, chosen)
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)

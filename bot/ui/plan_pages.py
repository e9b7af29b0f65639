"""The list of a server's plans, a few a page.

A custom_id is `plan:p:<page>`. Who manages the server is asked at every press.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.credits.pricing import credits_text
from bot.locale import translated
from bot.prompt.markdown import harmless
from bot.ui import plan_text
from bot.ui.commands.managing import managed_guild
from bot.ui.language import member_locale
from bot.ui.persistent_buttons import PersistentButton, matched
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

PREFIX = "plan"
PLANS = 5
"""Of a page."""
_REST = re.compile(r"p:(?P<page>\d{1,4})")


async def show(interaction: discord.Interaction[Darkroom]) -> None:
    """The first page, for the eyes of who asked alone."""
    shown, view = await _page(interaction, 0)
    await interaction.response.send_message(
        embed=shown, view=view, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
    )


async def _page(
    interaction: discord.Interaction[Darkroom], page: int
) -> tuple[discord.Embed, discord.ui.View]:
    client, guild = interaction.client, interaction.guild
    guild_id, language = managed_guild(interaction), member_locale(interaction)
    assert guild is not None  # else it was refused
    plans = await client.server_plans.all(guild_id)
    pages = max((len(plans) + PLANS - 1) // PLANS, 1)
    page = min(page, pages - 1)
    left = await client.accounts.allotment(guild_id=guild_id)
    said = [
        Sentence(
            "Who has several roles has the best of their plans, in each line. Who has none has the "
            "usual limits."
        ),
        Sentence(
            "Monthly credits come from what this server may still grant: {left}.",
            left=credits_text(left),
        ),
    ]
    if not plans:
        said.append(Sentence("This server has no plans; /plan create makes one."))
    shown = discord.Embed(
        title=translated(Sentence("Plans"), language),
        description="\n".join(translated(each, language) for each in said),
        colour=discord.Colour.blurple(),
    )
    quota = client.policy.quota
    for each in plans[page * PLANS : (page + 1) * PLANS]:
        lines = [plan_text.roles(each, guild), *plan_text.lines(each.plan, quota)]
        text = "\n".join(translated(line, language) for line in lines)
        shown.add_field(name=harmless(each.name), value=text[:1024], inline=False)
    view = discord.ui.View(timeout=None)
    if page:
        view.add_item(PlanButton.of(page - 1, Sentence("Previous"), language))
    if page < pages - 1:
        view.add_item(PlanButton.of(page + 1, Sentence("Next"), language))
    if pages > 1:
        number = Sentence("Page {page} of {pages}", page=page + 1, pages=pages)
        shown.set_footer(text=translated(number, language))
    return shown, view


class PlanButton(PersistentButton, template=rf"{PREFIX}:(?P<rest>.+)"):
    """Turns to a page. The template is wide: a forged id is answered too."""

    @classmethod
    def of(cls, page: int, label: Sentence, language: str) -> Self:
        """page: from 0."""
        return cls(
            discord.ui.Button(custom_id=f"{PREFIX}:p:{page}", label=translated(label, language))
        )

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        shown, view = await _page(interaction, int(matched(_REST, match["rest"])["page"]))
        await interaction.response.edit_message(embed=shown, view=view)

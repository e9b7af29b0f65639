"""The list of a server's plans, and the question before one is deleted.

A custom_id is `plan:p:<page>`, `plan:d:<id of the plan>:<its version>` or `plan:n`. Who manages the
server is asked at every press. Every button is a `DynamicItem`: discord.py keeps nothing of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import discord

from bot.credits.pricing import credits_text
from bot.credits.server_plans import ServerPlan
from bot.errors import NotFound
from bot.locale import translated
from bot.prompt.markdown import harmless
from bot.ui import plan_text
from bot.ui.commands.managing import managed_guild
from bot.ui.language import member_locale, to_member
from bot.ui.refusals import answer
from bot.ui.replies import replace_question
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

PREFIX = "plan"
PLANS = 5
"""Of a page."""
_REST = re.compile(r"p:(?P<page>\d{1,4})|d:(?P<id>\d{1,18}):(?P<version>\d{1,9})|n")


async def show(interaction: discord.Interaction[Darkroom]) -> None:
    """The first page, for the eyes of who asked alone."""
    shown, view = await _page(interaction, 0)
    await interaction.response.send_message(
        embed=shown, view=view, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
    )


async def ask_to_delete(interaction: discord.Interaction[Darkroom], plan: ServerPlan) -> None:
    """Say what deleting the plan would do, and let who asked confirm it."""
    assert interaction.guild is not None  # asked by `managed_guild`
    language = member_locale(interaction)
    asked = Sentence(
        "Deleting the plan {name} takes it from: {roles}. Their members have then what their other "
        "roles give, or the usual limits. Monthly credits that they got stay theirs until the "
        "month ends.",
        name=f"**{harmless(plan.name)}**",
        roles=plan_text.roles(plan, interaction.guild),
    )
    shown = discord.Embed(
        title=translated(Sentence("Action needed to continue"), language),
        description=translated(asked, language),
        colour=discord.Colour.gold(),
    )
    view = discord.ui.View(timeout=None)
    delete, keep = Sentence("Delete"), Sentence("Cancel")
    view.add_item(_button(f"d:{plan.id}:{plan.version}", delete, language, danger=True))
    view.add_item(_button("n", keep, language))
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
        view.add_item(_button(f"p:{page - 1}", Sentence("Previous"), language))
    if page < pages - 1:
        view.add_item(_button(f"p:{page + 1}", Sentence("Next"), language))
    if pages > 1:
        number = Sentence("Page {page} of {pages}", page=page + 1, pages=pages)
        shown.set_footer(text=translated(number, language))
    return shown, view


def _button(rest: str, label: Sentence, language: str, *, danger: bool = False) -> PlanButton:
    style = discord.ButtonStyle.danger if danger else discord.ButtonStyle.secondary
    button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
        custom_id=f"{PREFIX}:{rest}", label=translated(label, language), style=style
    )
    return PlanButton(button, rest)


class PlanButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{PREFIX}:(?P<rest>.+)",
):
    """Turns a page, deletes a plan, or keeps it. The template is wide: a forged id is answered."""

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
    ) -> PlanButton:
        assert isinstance(item, discord.ui.Button)
        return cls(item, match["rest"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            await self._do(interaction)
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)

    async def _do(self, interaction: discord.Interaction[Darkroom]) -> None:
        match = _REST.fullmatch(self._rest)
        if match is None:
            raise NotFound("This button is not one of Darkroom's; send the command again.")
        guild_id = managed_guild(interaction)
        if match["page"]:
            shown, view = await _page(interaction, int(match["page"]))
            await interaction.response.edit_message(embed=shown, view=view)
        elif match["id"]:
            gone = await interaction.client.server_plans.delete(
                guild_id,
                int(match["id"]),
                version=int(match["version"]),
                actor_id=interaction.user.id,
            )
            said = Sentence("The plan {name} is deleted.", name=harmless(gone.name))
            await replace_question(interaction, said)
        else:
            await replace_question(interaction, Sentence("Nothing was changed."))


def told(interaction: discord.Interaction[Darkroom], sentences: list[Sentence]) -> str:
    """Lines for who asked."""
    return "\n".join(to_member(interaction, each) for each in sentences)

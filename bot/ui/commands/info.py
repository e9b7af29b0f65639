"""/info"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord
from discord import app_commands

import engine
from bot.credits.ledger import OPERATOR_GRANTS
from bot.credits.pricing import credits_text
from bot.jobs.records import JobRow
from bot.ui import plan_text, rules, settings_panel
from bot.ui.commands import quota
from bot.ui.language import to_member
from bot.ui.member_roles import role_ids
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_LISTED = 10
_FIELD_CHARACTERS = 1024


@app_commands.command(
    description=Sentence("Your credits, your running and waiting jobs, the models here.")
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def info(interaction: discord.Interaction[Darkroom]) -> None:
    client = interaction.client
    user_id = interaction.user.id
    guild_id, roles = interaction.guild_id or 0, role_ids(interaction.user)
    balance = await client.accounts.balance(
        guild_id=guild_id,
        user_id=user_id,
        monthly_credits=(await client.server_plans.of(guild_id, roles)).monthly,
        role_ids=roles,
    )
    open_jobs = await client.lookup.open_of(user_id)
    status, models = client.engine_client.status(), client.engine_client.models()

    def say(text: str) -> str:
        return to_member(interaction, text)

    shown = discord.Embed(title=say(Sentence("Your info")), colour=discord.Colour.blurple())
    available = credits_text(balance.available)
    if balance.held:
        available = Sentence(
            "{available}, and {held} set aside for open jobs",
            available=available,
            held=credits_text(balance.held),
        )
    credits_said = say(available)
    if guild_id and not balance.available and not client.accounts.trusts(guild_id):
        credits_said += "\n" + say(OPERATOR_GRANTS)
    shown.add_field(name=say(Sentence("Credits")), value=credits_said, inline=False)
    if guild_id and await client.server_plans.all(guild_id):
        theirs = plan_text.names(await client.server_plans.having(guild_id, roles))
        shown.add_field(name=say(Sentence("Plan")), value=say(theirs), inline=False)
    if bounds := await quota.lines_of(interaction, guild_id, interaction.user):
        value = "\n".join(say(line) for line in bounds)
        shown.add_field(name=say(Sentence("Quota")), value=value, inline=False)
    own = await client.preferences.member(user_id)
    mode = settings_panel.speed_label(own.speed)
    shown.add_field(name=say(Sentence("Job mode")), value=say(mode))
    seen = Sentence("Stealth") if own.stealth else Sentence("Public")
    shown.add_field(name=say(Sentence("Visibility")), value=say(seen))
    tally = await client.lookup.tally(user_id)
    made = Sentence.plural("{count} job", "{count} jobs", count=tally.finished)
    shown.add_field(name=say(Sentence("Finished so far")), value=say(made))
    running = [row for row in open_jobs if row.id in status.running]
    waiting = [row for row in open_jobs if row.id not in status.running]
    shown.add_field(name=say(Sentence("Running jobs")), value=say(_ids(running)))
    shown.add_field(name=say(Sentence("Waiting jobs")), value=say(_ids(waiting)))
    if tally.kept:
        kept = Sentence(
            "{jobs}: these could not be posted; `/show` and their id bring them.",
            jobs=say(_listed(tally.kept)),
        )
        shown.add_field(name=say(Sentence("Kept for you")), value=say(kept), inline=False)
    offers = [_offer(model) for model in models if model.installed]
    shown.add_field(name=say(Sentence("Models")), value=say(_fitting(offers)), inline=False)
    if client.is_owner(user_id) and (hint := client.model_hint()):
        shown.add_field(name=say(Sentence("A bigger model")), value=say(hint), inline=False)
    version = importlib.metadata.version("darkroom")
    shown.set_footer(text=f"Darkroom {version} · {status.device}")
    begins = await rules.beginning(interaction)
    await interaction.response.send_message(embed=shown, ephemeral=True, **begins)


def _offer(model: engine.ModelInfo) -> str:
    """The model with what chooses it and the LoRAs it takes, in the words of a prompt."""
    chosen = [f"--v {model.aliases[0]}"] if model.aliases else []
    loras = [f"--lora {name}" for name in model.loras]
    said = ", ".join(f"`{flag}`" for flag in (*chosen, *loras))
    return f"{model.title} ({said})" if said else model.title


def _fitting(offers: list[str]) -> Sentence:
    """As many of them as an embed's field holds, and how many more there are."""
    if not offers:
        return Sentence("none")
    text = Sentence("{models}", models=", ".join(offers))
    kept = len(offers)
    while len(text) > _FIELD_CHARACTERS:
        kept -= 1
        text = Sentence(
            "{models} and {count} more",
            models=", ".join(offers[:kept]),
            count=len(offers) - kept,
        )
    return text


def _ids(rows: list[JobRow]) -> Sentence:
    return _listed([row.id for row in rows])


def _listed(ids: Sequence[str]) -> Sentence:
    if not ids:
        return Sentence("none")
    listed = ", ".join(f"`{job_id}`" for job_id in ids[:_LISTED])
    if len(ids) <= _LISTED:
        return Sentence("{jobs}", jobs=listed)
    return Sentence("{jobs} and {count} more", jobs=listed, count=len(ids) - _LISTED)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(info)

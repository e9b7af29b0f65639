"""/plan: what members with a role may do, get and pay."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.credits.plans import ALL_MODELS, SELLABLE, Plan
from bot.errors import NotAllowed, NotFound
from bot.prompt.characters import plain
from bot.prompt.markdown import harmless
from bot.ui import plan_pages, plan_text
from bot.ui.commands.completion import CHOICES
from bot.ui.commands.managing import cents, managed_guild
from bot.ui.language import to_member
from bot.ui.replies import tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

YesOrNo = bool | None
Name = app_commands.Range[str, 1, 32]
Monthly = app_commands.Range[float, 0.0, 1_000_000.0]
AtOnce = app_commands.Range[int, 1, 100]
Waiting = app_commands.Range[int, 0, 1000]
Grids = app_commands.Range[int, 1, 40]
Models = app_commands.Range[str, 1, 400]
Percent = app_commands.Range[int, 1, 1000]
Side = app_commands.Range[int, 0, 16_384]
Steps = app_commands.Range[int, 0, 150]
_QUOTED_CHARACTERS = 80

_FIELDS = {
    "monthly": Sentence(
        "Credits a month for each member; they come from what the server may still grant."
    ),
    "running": Sentence("Jobs of one member at once; not more than the bot allows."),
    "queued": Sentence("Jobs of one member that wait beside those."),
    "grids": Sentence("Grids of one order, by permutations and --repeat."),
    "fast": Sentence("Whether fast mode is included."),
    "relax": Sentence("Whether relax mode is included."),
    "turbo": Sentence("Whether turbo mode is included, at twice the price."),
    "relax_free": Sentence("For the bot's owner: whether relaxed jobs cost nothing."),
    "models": Sentence("all, sellable (whose pictures may be sold), or names with commas between."),
    "price": Sentence("Percent of the usual price; below 100 only for the bot's owner."),
    "size": Sentence("Pixels of the side of the largest square picture; 0: any size."),
    "steps": Sentence("The most steps that are drawn; 0: any number."),
}


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Plans(
    app_commands.Group, name="plan", description=Sentence("What members with a role may do.")
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(description=Sentence("Make a plan; /plan bind then gives it to a role."))
    @app_commands.describe(name=Sentence("How the plan is called."), **_FIELDS)
    async def create(
        self,
        interaction: discord.Interaction[Darkroom],
        name: Name,
        monthly: Monthly | None = None,
        running: AtOnce | None = None,
        queued: Waiting | None = None,
        grids: Grids | None = None,
        fast: YesOrNo = None,
        relax: YesOrNo = None,
        turbo: YesOrNo = None,
        relax_free: YesOrNo = None,
        models: Models | None = None,
        price: Percent | None = None,
        size: Side | None = None,
        steps: Steps | None = None,
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        called = " ".join(plain(name).split())
        if not called:
            raise NotAllowed("A plan needs a name with letters or digits.")
        given = _given(
            client,
            monthly=monthly,
            running=running,
            queued=queued,
            batch=grids,
            fast=fast,
            relax=relax,
            turbo=turbo,
            relax_free=relax_free,
            models=models,
            price_percent=price,
            side_px=size,
            steps=steps,
        )
        made = dataclasses.replace(Plan(), **given)
        await client.server_plans.create(
            guild_id,
            called,
            made,
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        said = [
            Sentence(
                "The plan {name} is made; give it to a role with /plan bind. It says:",
                name=f"**{harmless(called)}**",
            ),
            *plan_text.lines(made, client.policy.quota),
        ]
        await tell(interaction, *said)

    @app_commands.command(description=Sentence("Change a plan; what you leave out stays."))
    @app_commands.describe(name=Sentence("Which plan."), **_FIELDS)
    async def edit(
        self,
        interaction: discord.Interaction[Darkroom],
        name: Name,
        monthly: Monthly | None = None,
        running: AtOnce | None = None,
        queued: Waiting | None = None,
        grids: Grids | None = None,
        fast: YesOrNo = None,
        relax: YesOrNo = None,
        turbo: YesOrNo = None,
        relax_free: YesOrNo = None,
        models: Models | None = None,
        price: Percent | None = None,
        size: Side | None = None,
        steps: Steps | None = None,
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        given = _given(
            client,
            monthly=monthly,
            running=running,
            queued=queued,
            batch=grids,
            fast=fast,
            relax=relax,
            turbo=turbo,
            relax_free=relax_free,
            models=models,
            price_percent=price,
            side_px=size,
            steps=steps,
        )
        before, after = await client.server_plans.edit(
            guild_id,
            name,
            given,
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        quota = client.policy.quota
        was = plan_text.lines(before.plan, quota)
        now = plan_text.lines(after, quota)
        title = f"**{harmless(before.name)}**"
        if was == now:
            said = [Sentence("The plan {name} says this already:", name=title), *now]
        else:
            said = [
                Sentence("The plan {name} said until now:", name=title),
                *(line for line in was if line not in now),
                Sentence("It says now:"),
                *now,
            ]
        await tell(interaction, *said)

    @app_commands.command(description=Sentence("Delete a plan, after a question."))
    @app_commands.describe(name=Sentence("Which plan."))
    async def delete(self, interaction: discord.Interaction[Darkroom], name: Name) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        assert interaction.guild is not None  # else it was refused
        plan = await client.server_plans.named(guild_id, name)

        async def act(press: discord.Interaction[Any]) -> Sentence:
            await client.server_plans.delete(
                managed_guild(press), plan.id, version=plan.version, actor_id=press.user.id
            )
            return Sentence("The plan {name} is deleted.", name=harmless(plan.name))

        will = Sentence(
            "Deleting the plan {name} takes it from: {roles}. Their members have then what their "
            "other roles give, or the usual limits. Monthly credits that they got stay theirs "
            "until the month ends.",
            name=f"**{harmless(plan.name)}**",
            roles=plan_text.roles(plan, interaction.guild),
        )
        await client.confirmations.ask(interaction, [will], act)

    @app_commands.command(description=Sentence("Give a plan to all members with a role."))
    @app_commands.describe(
        name=Sentence("Which plan."), role=Sentence("Which role; @everyone for all members.")
    )
    async def bind(
        self, interaction: discord.Interaction[Darkroom], name: Name, role: discord.Role
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        assert interaction.guild is not None  # else it was refused
        if interaction.guild.get_role(role.id) is None:
            raise NotFound("This role was deleted; nothing was changed.")
        had = await client.server_plans.bind(
            guild_id,
            name,
            role.id,
            actor_id=interaction.user.id,
            by_owner=client.is_owner(interaction.user.id),
        )
        plan = await client.server_plans.named(guild_id, name)
        values = {
            "role": "@everyone" if role.is_default() else role.mention,
            "name": f"**{harmless(plan.name)}**",
        }
        if had and had != plan.name:
            said = Sentence(
                "{role} has the plan {name} now, no longer {before}.",
                before=harmless(had),
                **values,
            )
        else:
            said = Sentence("{role} has the plan {name} now.", **values)
        more = []
        if plan.plan.monthly:
            more.append(
                Sentence(
                    "Each of its members gets their monthly credits at their first use in a month, "
                    "for as long as the server may grant: see /plan list."
                )
            )
        await tell(interaction, said, *more)

    @app_commands.command(description=Sentence("Take a role's plan away."))
    @app_commands.describe(role=Sentence("Which role; those that have a plan are offered."))
    async def unbind(self, interaction: discord.Interaction[Darkroom], role: str) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        digits = role.strip().removeprefix("<@&").removesuffix(">")
        # Far more digits than an id has would not fit the database.
        role_id = int(digits) if digits.isdecimal() and len(digits) <= 19 else 0
        had = await client.server_plans.unbind(
            guild_id, min(role_id, 2**63 - 1), actor_id=interaction.user.id
        )
        said = Sentence(
            "The role has the plan {name} no longer; its members have what their other roles give, "
            "or the usual limits.",
            name=f"**{harmless(had)}**",
        )
        await tell(interaction, said)

    @app_commands.command(name="list", description=Sentence("This server's plans and their roles."))
    async def list_(self, interaction: discord.Interaction[Darkroom]) -> None:
        managed_guild(interaction)
        await plan_pages.show(interaction)

    @edit.autocomplete("name")
    @delete.autocomplete("name")
    @bind.autocomplete("name")
    async def _names(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        plans = await interaction.client.server_plans.all(managed_guild(interaction))
        return [
            app_commands.Choice(name=each.name, value=each.name)
            for each in plans
            if typed.casefold() in each.name.casefold()
        ][:CHOICES]

    @unbind.autocomplete("role")
    async def _bound(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        guild = interaction.guild
        plans = await interaction.client.server_plans.all(managed_guild(interaction))
        assert guild is not None  # else it was refused
        gone = to_member(interaction, Sentence("a role that was deleted"))
        found = []
        for each in plans:
            for role_id in each.roles:
                role = guild.get_role(role_id)
                shown = f"{role.name if role else gone} – {each.name}"[:100]
                if typed.casefold() in shown.casefold():
                    found.append(app_commands.Choice(name=shown, value=str(role_id)))
        return found[:CHOICES]


def _given(client: Darkroom, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - options
    """Fields of a `Plan` as options of the commands say them, without those that were left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    if "monthly" in given:
        given["monthly"] = cents(given["monthly"])
    for name in ("side_px", "steps"):
        if name in given:
            given[name] = given[name] or None
    quota = client.policy.quota
    for name, most in (("running", quota.running), ("queued", quota.queued)):
        _refuse_beyond(given.get(name), most)
    _refuse_beyond(given.get("batch"), quota.batch)
    if "models" in given:
        given["models"] = _models(client, given["models"])
    return given


def _refuse_beyond(limit: int | None, most: int) -> None:
    if limit is not None and limit > most:
        raise NotAllowed(
            Sentence(
                "{limit} is more than this bot gives anybody: at most {most}. Who runs it sets "
                "that with MAX_RUNNING, MAX_QUEUED and MAX_BATCH.",
                limit=limit,
                most=most,
            )
        )


def _models(client: Darkroom, typed: str) -> tuple[str, ...]:
    """What is typed as a plan's models, by their names in the catalogue; NotFound."""
    known = {
        name.casefold(): model.name
        for model in client.engine_client.models()
        for name in (*model.aliases, model.name)
    }
    found: list[str] = []
    for word in filter(None, (part.strip() for part in typed.replace("、", ",").split(","))):
        folded = word.casefold()
        if folded == "all":
            found.append(ALL_MODELS)
        elif folded == SELLABLE:
            found.append(SELLABLE)
        elif folded in known:
            found.append(known[folded])
        else:
            raise NotFound(
                Sentence(
                    "There is no model {name} here. Say all, sellable, or some of: {models}.",
                    name=harmless(word[:_QUOTED_CHARACTERS]),
                    models=", ".join(dict.fromkeys(known.values())),
                )
            )
    if not found:
        raise NotFound("Say all, sellable, or names of models with commas between them.")
    return (ALL_MODELS,) if ALL_MODELS in found else tuple(dict.fromkeys(found))


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Plans())

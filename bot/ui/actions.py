"""What one may do with a job: one table, from which buttons and message menus are made.

A custom_id is `job:<id>:<code>[:<number>]` and says nothing else: who may do what is looked up, so
that buttons work for ever. Every button is a `DynamicItem`: discord.py keeps nothing of it. The
form that an action opens has its button's custom_id, and what it sends comes back the same way.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.errors import NotAllowed, NotFound
from bot.jobs.favourites import Favourite
from bot.jobs.kinds import KINDS, STRONG, SUBTLE, Variation, Way
from bot.jobs.kinds.zoom import CUSTOM, factor_of
from bot.jobs.provenance import is_stealthy
from bot.jobs.records import ImageRow, JobRow
from bot.locale import translated
from bot.pictures.framing import Direction
from bot.preferences import BUTTONS, FORBIDDEN, HIGH, LOW, OWNERS, REMIX
from bot.prompt.areas import MOST_CHARACTERS
from bot.prompt.characters import plain
from bot.ui import details, modals
from bot.ui.deferrals import think
from bot.ui.language import member_locale, to_member
from bot.ui.modals import Filled, Form
from bot.ui.persistent_buttons import PersistentButton
from bot.ui.refusals import answer
from bot.ui.replies import (
    before_reply,
    check_finished,
    check_permissions,
    is_for_member_alone,
)
from bot.ui.reposts import Repost, covered
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom
    from bot.ui.copies import Copy

PREFIX = "job"


class Who(enum.Enum):
    """Who may do it."""

    ANYONE_THERE = "anyone in the job's channel, and its owner anywhere"
    OWNER = "only whose job it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody does something with a job."""

    interaction: discord.Interaction[Darkroom]
    row: JobRow
    action: Action
    number: int
    """Which picture, from 1; 0 where the action is for the whole job."""
    text: str | None = None
    """What the prompt was edited to, in remix mode; None: it stays as it is."""

    def form(self, title: str) -> Form:
        """A new form of this action; what it sends goes to `Action.submit`."""
        custom_id = _custom_id(self.action, self.row.id, self.number)
        return Form(self.interaction, title, custom_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that may be done with a job."""

    name: str
    """As `Kind.follow_ups` names it."""
    handler: Callable[[Press], Awaitable[None]]
    who: Who = Who.ANYONE_THERE
    code: str = ""
    """In the custom_id of its button and form; empty: it has none."""
    label: str = ""
    """Of its button; `{number}` is the picture's. A `Sentence` where it has words."""
    emoji: str | None = None
    line: int = 0
    """Which row of buttons it stands in."""
    of_one: bool = False
    """Whether it is for one picture: a grid has it once for each."""
    suits: Callable[[ImageRow], bool] = lambda _picture: True
    """Whether its button stands under a single picture."""
    menu: str = ""
    """Its name among the message menus (right click → Apps); empty: it is in none."""
    private: bool = False
    """Whether it shows nothing to others and orders nothing: a server never keeps it to owners."""
    remixes: Callable[[JobRow], bool] = lambda _row: False
    """Whether it opens a form with the job's prompt first, for members in remix mode."""
    undoes: Callable[[Press], Awaitable[bool]] | None = None
    """Takes back what the handler did for who presses, and whether there was such a thing. That may
    be done anywhere: it is their own. None: there is nothing to take back."""
    submit: Callable[[Press, Filled], Awaitable[None]] | None = None
    """What it does with a form that the handler opened, perhaps long ago; None: it opens none."""
    of_batch: Callable[[discord.Interaction[Darkroom], str], Awaitable[None]] | None = None
    """What it does with the message of a batch, given its id; None: nothing."""


async def _reroll(press: Press) -> None:
    interaction, client = press.interaction, press.interaction.client
    if press.text is None and KINDS[press.row.kind].asks_first:
        check_permissions(interaction)
        making = partial(client.interactions.rerolled, press.row)
        await client.questions.place(interaction, making)
        return
    await client.interactions.reroll(interaction, press.row, text=press.text)


async def _imagine_suggestion(press: Press) -> None:
    await press.interaction.client.interactions.imagine_suggestion(
        press.interaction, press.row, press.number
    )


def _rewords(row: JobRow) -> bool:
    """Whether the job can be drawn anew for other words."""
    return KINDS[row.kind].rewords


def _always(_row: JobRow) -> bool:
    return True


def _vary(variation: Variation) -> Callable[[Press], Awaitable[None]]:
    async def handler(press: Press) -> None:
        await press.interaction.client.edits.vary(
            press.interaction, press.row, press.number, variation, remix=press.text
        )

    return handler


async def _vary_as_set(press: Press) -> None:
    """As far as who pressed has set."""
    own = await press.interaction.client.preferences.member(press.interaction.user.id)
    await _vary(SUBTLE if own.variation == LOW else STRONG)(press)


def _zoom(factor: float) -> Callable[[Press], Awaitable[None]]:
    async def handler(press: Press) -> None:
        await press.interaction.client.edits.zoom(
            press.interaction, press.row, press.number, factor, remix=press.text
        )

    return handler


def _pan(direction: Direction) -> Callable[[Press], Awaitable[None]]:
    async def handler(press: Press) -> None:
        await press.interaction.client.edits.pan(
            press.interaction, press.row, press.number, direction, remix=press.text
        )

    return handler


def _upscale(way: Way) -> Callable[[Press], Awaitable[None]]:
    async def handler(press: Press) -> None:
        await press.interaction.client.enlargements.of_stored(
            press.interaction, press.row, press.number, way
        )

    return handler


async def _making_of(press: Press) -> None:
    await press.interaction.client.films.making_of(press.interaction, press.row, press.number)


async def _make_square(press: Press) -> None:
    await press.interaction.client.edits.square(
        press.interaction, press.row, press.number, remix=press.text
    )


async def _ask_zoom(press: Press) -> None:
    form = press.form(Sentence("Custom Zoom"))
    form.add_prompt(press.row.prompt)
    form.add_text(
        "zoom",
        Sentence("Zoom"),
        value=CUSTOM,
        description=Sentence("1.0 to 2.0; with 1, change the shape in the prompt by --ar."),
        required=True,
        most=40,
    )
    await form.open()


async def _zoom_as_filled(press: Press, filled: Filled) -> None:
    await press.interaction.client.edits.zoom(
        press.interaction,
        press.row,
        press.number,
        factor_of(filled.text("zoom")),
        remix=_edited(filled, press.row),
    )


async def _ask_region(press: Press) -> None:
    form = press.form(Sentence("Vary (Region)"))
    form.add_words(
        Sentence(
            "Save the picture, paint over the part to draw anew in a loud colour with any editor, "
            "and upload it here; or write where the part is."
        )
    )
    form.add_file("painted", Sentence("The painted picture"))
    form.add_text(
        "areas",
        Sentence("Or the part, in words"),
        placeholder=Sentence("top left; bottom half; centre; 40,40,20,20"),
        description=Sentence("Words, or x,y,width,height in percent; several with ; between."),
        most=MOST_CHARACTERS,
    )
    form.add_prompt(press.row.prompt)
    await form.open()


async def _region_as_filled(press: Press, filled: Filled) -> None:
    await press.interaction.client.edits.region(
        press.interaction,
        press.row,
        press.number,
        painted=filled.file("painted"),
        areas=filled.text("areas"),
        remix=_edited(filled, press.row),
    )


async def _ask_variation(press: Press) -> None:
    check_finished(press.row)
    form = press.form(Sentence("Vary"))
    if not press.number:
        form.add_choice(
            "image", Sentence("Which picture"), [(each, each) for each in "1234"], chosen="1"
        )
    own = await press.interaction.client.preferences.member(press.interaction.user.id)
    form.add_choice(
        "strength",
        Sentence("How far to go from it"),
        [(LOW, Sentence("subtle")), (HIGH, Sentence("strong"))],
        chosen=own.variation,
    )
    form.add_prompt(press.row.prompt)
    await form.open()


async def _variation_as_filled(press: Press, filled: Filled) -> None:
    number = filled.choice("image")
    await press.interaction.client.edits.vary(
        press.interaction,
        press.row,
        press.number or (int(number) if number in set("1234") else 1),
        SUBTLE if filled.choice("strength") == LOW else STRONG,
        remix=_edited(filled, press.row),
        tells=True,
    )


async def _show(press: Press) -> None:
    """One stored picture at full size, at no charge."""
    interaction, row = press.interaction, press.row
    client = interaction.client
    check_permissions(interaction)
    hidden = is_for_member_alone(interaction, row)
    cover = not hidden and await Repost.of(interaction, row, member_locale(interaction)).check(
        client
    )
    client.pace.take(interaction.user.id)
    copy = await before_reply(
        interaction,
        client.copies.one(row, press.number, interaction.filesize_limit, interaction.user.mention),
        ephemeral=hidden,
    )
    await repost(interaction, covered(copy, also=cover), hidden=hidden)


async def repost(interaction: discord.Interaction[Darkroom], copy: Copy, *, hidden: bool) -> None:
    """Post what a job made as the answer, for all to see or for who asked alone."""
    if not interaction.response.is_done():  # the upload may take longer than a reply may
        await think(interaction, ephemeral=hidden)
    try:
        message = await interaction.edit_original_response(
            content=copy.content,
            attachments=copy.files,
            view=copy.view,
            allowed_mentions=discord.AllowedMentions.none(),
        )
    except Exception:  # or what is answered now would stand there for all to see
        await interaction.delete_original_response()
        raise
    await interaction.client.lookup.showing(copy.shown_by(message.id, message.channel.id))


def _favourite_of(press: Press) -> Favourite:
    return Favourite(job_id=press.row.id, position=press.number)


async def _mark(press: Press) -> None:
    """It is a favourite of who pressed."""
    favourites, user_id = press.interaction.client.favourites, press.interaction.user.id
    await favourites.put(user_id, _favourite_of(press), marked=True)
    said = Sentence("A favourite of yours now; `/show job: favourites` brings it back.")
    await press.interaction.response.send_message(
        to_member(press.interaction, said), ephemeral=True
    )


async def _unmark(press: Press) -> bool:
    """It is no favourite of who pressed any more; whether it was one."""
    favourites, user_id = press.interaction.client.favourites, press.interaction.user.id
    if not await favourites.put(user_id, _favourite_of(press), marked=False):
        return False
    said = Sentence("No favourite of yours any more.")
    await press.interaction.response.send_message(
        to_member(press.interaction, said), ephemeral=True
    )
    return True


async def _dm_results(press: Press) -> None:
    """Job id, seed and pictures by direct message."""
    interaction, row = press.interaction, press.row
    interaction.client.pace.take(interaction.user.id)
    await before_reply(
        interaction,
        interaction.client.copies.by_dm(
            row, interaction.user, number=press.number, language=member_locale(interaction)
        ),
        slow=True,
        ephemeral=True,
    )
    said = to_member(interaction, Sentence("Sent to your direct messages."))
    if interaction.response.is_done():
        await interaction.edit_original_response(content=said)
    else:
        await interaction.response.send_message(said, ephemeral=True)


async def _details(press: Press) -> None:
    shown = await details.embed(press.interaction, press.row, press.number)
    await press.interaction.response.send_message(embed=shown, ephemeral=True)


async def _cancel(press: Press) -> None:
    client = press.interaction.client
    await client.runner.cancel(press.row)
    said = Sentence("Cancelled; nothing is charged.")
    await press.interaction.response.send_message(
        to_member(press.interaction, said), ephemeral=True
    )


async def _cancel_batch(interaction: discord.Interaction[Darkroom], batch_id: str) -> None:
    await interaction.client.batches.cancel(interaction, batch_id)


_ARROWS: Mapping[Direction, str] = MappingProxyType(
    {
        Direction.LEFT: "⬅️",
        Direction.RIGHT: "➡️",
        Direction.UP: "⬆️",
        Direction.DOWN: "⬇️",
    }
)
ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        action.name: action
        for action in (
            Action(name="show", code="u", label="U{number}", line=0, of_one=True, handler=_show),
            Action(name="reroll", code="r", emoji="🔄", line=0, remixes=_rewords, handler=_reroll),
            Action(
                name="vary",
                code="v",
                label="V{number}",
                line=1,
                of_one=True,
                remixes=_always,
                handler=_vary_as_set,
            ),
            Action(
                name="upscale_subtle",
                code="us",
                label=Sentence("Upscale (Subtle)"),
                emoji="🔎",
                line=0,
                of_one=True,
                handler=_upscale(Way.SUBTLE),
            ),
            Action(
                name="upscale_creative",
                code="uc",
                label=Sentence("Upscale (Creative)"),
                emoji="🔎",
                line=0,
                of_one=True,
                handler=_upscale(Way.CREATIVE),
            ),
            Action(
                name="making_of",
                code="mo",
                emoji="🎞️",
                line=4,
                of_one=True,
                handler=_making_of,
            ),
            Action(
                name="vary_subtle",
                code="vs",
                label=Sentence("Vary (Subtle)"),
                emoji="🪄",
                line=1,
                of_one=True,
                remixes=_always,
                handler=_vary(SUBTLE),
            ),
            Action(
                name="vary_strong",
                code="vg",
                label=Sentence("Vary (Strong)"),
                emoji="🪄",
                line=1,
                of_one=True,
                remixes=_always,
                handler=_vary(STRONG),
            ),
            Action(
                name="vary_menu",
                code="vm",
                menu=Sentence("Vary"),
                handler=_ask_variation,
                submit=_variation_as_filled,
            ),
            Action(
                name="vary_region",
                code="rg",
                label=Sentence("Vary (Region)"),
                emoji="🖌️",
                line=1,
                of_one=True,
                handler=_ask_region,
                submit=_region_as_filled,
            ),
            Action(
                name="zoom_2",
                code="z",
                label=Sentence("Zoom Out 2x"),
                emoji="🔍",
                line=2,
                of_one=True,
                remixes=_always,
                handler=_zoom(2.0),
            ),
            Action(
                name="zoom_1_5",
                code="zh",
                label=Sentence("Zoom Out 1.5x"),
                emoji="🔍",
                line=2,
                of_one=True,
                remixes=_always,
                handler=_zoom(1.5),
            ),
            Action(
                name="zoom_custom",
                code="zc",
                label=Sentence("Custom Zoom"),
                emoji="🔍",
                line=2,
                of_one=True,
                handler=_ask_zoom,
                submit=_zoom_as_filled,
            ),
            Action(
                name="make_square",
                code="sq",
                label=Sentence("Make Square"),
                emoji="↔️",
                line=2,
                of_one=True,
                suits=lambda picture: picture.width_px != picture.height_px,
                remixes=_always,
                handler=_make_square,
            ),
            *(
                Action(
                    name=f"pan_{direction.name.lower()}",
                    code=f"p{direction.name[0].lower()}",
                    emoji=emoji,
                    line=3,
                    of_one=True,
                    remixes=_always,
                    handler=_pan(direction),
                )
                for direction, emoji in _ARROWS.items()
            ),
            Action(
                name="imagine_suggestion",
                code="i",
                label="{number}",
                of_one=True,
                handler=_imagine_suggestion,
            ),
            Action(
                name="imagine_all",
                code="a",
                label=Sentence("Imagine all"),
                emoji="🖼️",
                line=1,
                handler=_imagine_suggestion,
            ),
            Action(
                name="favourite",
                code="f",
                emoji="❤️",
                line=4,
                of_one=True,
                private=True,
                handler=_mark,
                undoes=_unmark,
            ),
            Action(
                name="favourite_all",
                code="fa",
                emoji="❤️",
                line=1,
                private=True,
                handler=_mark,
                undoes=_unmark,
            ),
            Action(
                name="dm_results",
                menu=Sentence("DM Results"),
                private=True,
                handler=_dm_results,
            ),
            Action(
                name="details",
                menu=Sentence("Job details"),
                private=True,
                handler=_details,
            ),
            Action(
                name="cancel",
                code="x",
                label=Sentence("Cancel Job"),
                menu=Sentence("Cancel Job"),
                who=Who.OWNER,
                handler=_cancel,
                of_batch=_cancel_batch,
            ),
        )
    }
)
_BY_CODE = {action.code: action for action in ACTIONS.values() if action.code}
_REST = re.compile(rf"(?P<id>[a-z2-7]{{16}}):(?P<code>{'|'.join(_BY_CODE)})(?::(?P<number>[1-9]))?")


async def act(
    interaction: discord.Interaction[Darkroom], action: Action, row: JobRow, number: int = 0
) -> None:
    """Do it, if this member may; a UserError says why not."""
    press = Press(interaction=interaction, row=row, action=action, number=number)
    if action.undoes is not None and await action.undoes(press):
        return
    _check(press)
    await _check_server(interaction, action, row)
    if action.remixes(row) and await _is_remixing(interaction):
        form = press.form(Sentence("Remix"))
        form.add_prompt(row.prompt)
        await form.open()
        return
    await action.handler(press)


async def _check_server(
    interaction: discord.Interaction[Darkroom], action: Action, row: JobRow
) -> None:
    """NotAllowed where the server's managers keep buttons to whose picture it is."""
    if action.private or interaction.user.id == row.user_id:
        return
    set_ = await interaction.client.preferences.of(interaction.guild_id or 0)
    if set_.get(BUTTONS) == OWNERS:
        raise NotAllowed("In this server only whose picture it is may use its buttons.")


async def _is_remixing(interaction: discord.Interaction[Darkroom]) -> bool:
    preferences = interaction.client.preferences
    if (await preferences.of(interaction.guild_id or 0)).get(REMIX) == FORBIDDEN:
        return False
    return (await preferences.member(interaction.user.id)).remix


def _check(press: Press) -> None:
    """NotAllowed or NotFound where this member may not do it here."""
    interaction, row = press.interaction, press.row
    theirs = interaction.user.id == row.user_id
    if press.action.who is Who.OWNER and not theirs:
        raise NotAllowed("This is another member's picture; only they can do this with it.")
    if not theirs and is_stealthy(row):
        raise NotAllowed("This picture is hidden; only its member can use it.")
    if not theirs and interaction.channel_id != row.channel_id:
        raise NotFound("This picture is from another channel; use its buttons where it was made.")


async def submitted(interaction: discord.Interaction[Darkroom]) -> None:
    """Do what a form of ours was filled in for; whatever goes wrong is answered here."""
    prefix, _, rest = modals.custom_id_of(interaction).partition(":")
    if prefix != PREFIX:
        return
    try:
        await _submit(interaction, rest)
    except Exception as error:  # noqa: BLE001 - answered and logged in one place
        await answer(interaction, error)


async def _submit(interaction: discord.Interaction[Darkroom], rest: str) -> None:
    job_id, action, number = _read(rest)
    row = await interaction.client.lookup.job(job_id)
    press = Press(interaction=interaction, row=row, action=action, number=number)
    filled = modals.read(interaction)
    _check(press)
    await _check_server(interaction, action, row)
    if action.submit is not None:
        await action.submit(press, filled)
    elif action.remixes(row):
        await action.handler(dataclasses.replace(press, text=_edited(filled, row)))
    else:
        raise NotFound("This form is not one of Darkroom's; open one with a button.")


def _edited(filled: Filled, row: JobRow) -> str | None:
    """The new prompt; None where it was left as it is."""
    text = plain(filled.text("prompt")).strip()
    return text if text and text != row.prompt.strip() else None


def _custom_id(action: Action, job_id: str, number: int) -> str:
    return f"{PREFIX}:{job_id}:{action.code}" + (f":{number}" if number else "")


def _read(rest: str) -> tuple[str, Action, int]:
    """What a custom_id says after its prefix: job id, action, number of the picture or 0."""
    match = _REST.fullmatch(rest)
    if match is None:
        raise NotFound("This button is not one of Darkroom's; use one under a picture.")
    return match["id"], _BY_CODE[match["code"]], int(match["number"] or 0)


class JobButton(PersistentButton, template=rf"{PREFIX}:(?P<rest>.+)"):
    """Any button of a job. The template is wide, so that a forged id gets a sentence too."""

    @classmethod
    def of(cls, action: Action, job_id: str, number: int, locale: str) -> Self:
        """The button of an action; number: of the picture, or 0; locale: of its label."""
        return cls(
            discord.ui.Button(
                style=discord.ButtonStyle.secondary,
                custom_id=_custom_id(action, job_id, number),
                label=translated(action.label, locale).format(number=number) or None,
                emoji=action.emoji,
                row=action.line,
            )
        )

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        job_id, action, number = _read(match["rest"])
        row = await interaction.client.lookup.job(job_id)
        await act(interaction, action, row, number)


def view(
    names: Iterable[str], row: JobRow, count: int = 0, *, single: ImageRow | None = None
) -> discord.ui.View:
    """The buttons of the named actions, in the language of the job's channel.

    count: of a grid's pictures, or of the prompts that a job suggests; single: what is shown alone.
    """
    shown = discord.ui.View(timeout=None)
    for action in (ACTIONS[name] for name in names):
        numbers: Iterable[int] = (0,)
        if single is not None and not action.suits(single):
            continue
        if action.of_one:
            numbers = range(1, count + 1) if single is None else (single.position,)
        for each in numbers:
            shown.add_item(JobButton.of(action, row.id, each, row.locale))
    return shown

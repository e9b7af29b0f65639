"""Interactions → orders: may the bot answer here, is the order taken, the first reply.

Between an interaction and its first reply there is pure code and one short transaction. Where
pictures must be fetched first, or the transaction waits, the reply is deferred.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import discord

import engine
from bot.credits.pricing import credits_text
from bot.errors import InvalidPicture, NotFound, PromptError, UserError
from bot.jobs import modes
from bot.jobs.kinds import (
    KINDS,
    Blend,
    Describe,
    Imagine,
    PictureRequest,
    Remix,
    Request,
    Reroll,
    Shorten,
    weights_of,
)
from bot.jobs.lookup import Lookup
from bot.jobs.orders import Accepted, Batch, Order, Orders, Quote
from bot.jobs.provenance import is_stealthy
from bot.jobs.records import JobRow
from bot.jobs.runner import Runner
from bot.locale import translated
from bot.moderation.moderation import Asking
from bot.pictures import metadata, uploads
from bot.pictures.fetch import Fetcher
from bot.pictures.making import Making, Program
from bot.pictures.uploads import PLACEHOLDER
from bot.preferences import Preferences
from bot.prompt import grammar, repeats
from bot.prompt.characters import plain
from bot.prompt.resolved import as_json
from bot.prompt.written_out import written_out
from bot.ui import actions, memberships
from bot.ui.batches import Batches
from bot.ui.language import channel_locale, member_locale, to_member
from bot.ui.member_roles import role_ids, role_ids_in
from bot.ui.message_text import headline, status_of, with_notes
from bot.ui.modals import File
from bot.ui.progress import Edit, Progress
from bot.ui.replies import (
    attempt,
    before_reply,
    before_update,
    check_permissions,
    is_age_restricted,
    parent_of,
    replace_question,
    warn,
)
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

Fetch = Callable[[], Awaitable[bytes]]
"""Fetches one picture."""


class Interactions:
    """Every command and button that orders a picture goes through `place`."""

    def __init__(
        self,
        *,
        client: discord.Client,
        orders: Orders,
        runner: Runner,
        lookup: Lookup,
        fetcher: Fetcher,
        batches: Batches,
        preferences: Preferences,
        progress: Progress,
    ) -> None:
        self._client = client
        self._orders = orders
        self._runner = runner
        self._lookup = lookup
        self._fetcher = fetcher
        self._batches = batches
        self._preferences = preferences
        self._progress = progress

    async def imagine(
        self,
        interaction: discord.Interaction,
        text: str,
        *,
        after: JobRow | None = None,
        suffixed: bool = True,
    ) -> None:
        """A grid for a prompt as typed; its links are fetched first.

        The member's own parameters and suffix are written out in it. Where the text stands for
        several prompts, the member is asked to confirm them first. after: the job whose message it
        is ordered from. suffixed: False for words that had the suffix before they were edited.
        """
        text = plain(text)
        try:
            check_permissions(interaction)
            most = await self._orders.most_grids(
                guild_id=interaction.guild_id or 0, role_ids=role_ids(interaction.user)
            )
            own = await self._preferences.member(interaction.user.id)
            suffixes = own.suffixes if suffixed else ()
            grids = repeats.read(text, most, macros=own.macros, suffixes=suffixes)
            first, *more = grids.prompts
            request = Imagine(text=first)
            order = await self._order(interaction, request, after)
            if more:
                await self._batches.ask(interaction, order, text, grids)
                return
            links = await self._orders.links(order, request) if "://" in first else ()
            fetches = [partial(self._fetcher.of(interaction.user.id).link, link) for link in links]
            await self.place(interaction, request, fetches, after=after)
        except UserError as refusal:
            refusal.command = f"/imagine prompt: {text}"
            raise

    async def priced(self, interaction: discord.Interaction, text: str) -> tuple[Quote, int]:
        """What a prompt as typed for /imagine would cost, and for how many grids."""
        most = await self._orders.most_grids(
            guild_id=interaction.guild_id or 0, role_ids=role_ids(interaction.user)
        )
        own = await self._preferences.member(interaction.user.id)
        prompts = repeats.read(text, most, macros=own.macros, suffixes=own.suffixes).prompts
        orders = []
        for prompt in prompts:
            request = Imagine(text=prompt)
            order = await self._order(interaction, request)
            links = await self._orders.links(order, request) if "://" in prompt else ()
            unfetched = Imagine(text=prompt, pictures=(PLACEHOLDER,) * len(links))
            orders.append(dataclasses.replace(order, request=unfetched))
        quote = await self._orders.priced(Batch(id="", text=text, orders=tuple(orders)))
        return quote, len(orders)

    async def model_of(self, interaction: discord.Interaction, text: str) -> engine.ModelInfo:
        """The model that would draw a prompt; a UserError where it cannot be read."""
        request = Imagine(text=text)
        return await self._orders.model_of(order_of(interaction, request), request)

    async def reroll(
        self, interaction: discord.Interaction, row: JobRow, *, text: str | None = None
    ) -> None:
        """The same job with a new seed, from the same pictures.

        text: new words for it; where they stand for several prompts, they are a batch to confirm.
        """
        check_permissions(interaction)
        if text is not None and row.kind == Imagine.kind:
            own = await self._preferences.member(interaction.user.id)
            most = await self._orders.most_grids(
                guild_id=interaction.guild_id or 0, role_ids=role_ids(interaction.user)
            )
            prompts = repeats.read(text, most, macros=own.macros).prompts
            if len(prompts) > 1:
                await self.imagine(interaction, text, after=row, suffixed=False)
                return
            text = prompts[0]
        elif text is not None:  # one prompt: what it starts from is no part of several
            text = await self.written_out(interaction, text)
        await self.place(interaction, self.rerolled(row, text), words=text or "")

    async def reroll_unasked(
        self,
        row: JobRow,
        user: discord.User,
        *,
        guild_id: int,
        channel_id: int,
        language: str,
        direct: bool,
        member: discord.Member | None = None,
    ) -> Accepted:
        """As `reroll`, for a reaction: there is no interaction to reply to.

        guild_id: whose account pays. member: who reacts, where that is in a server. language: of
        the member. direct: in direct messages.
        """
        channel = self._client.get_channel(channel_id)
        order = Order(
            guild_id=guild_id,
            channel_id=channel_id,
            user_id=user.id,
            role_ids=(
                role_ids(member)
                if member is not None
                else await role_ids_in(self._client, guild_id, user.id)
            ),
            locale=language,
            channel_locale=row.locale,
            request=await self.rerolled(row),
            parent_channel_id=parent_of(channel),
            age_restricted=is_age_restricted(channel),
            hidden_channel=None if direct else partial(_direct, user),
        )
        if KINDS[row.kind].asks_first:
            quote = await self._orders.quote_one(order)
            if quote.price > quote.usual:  # no reaction can answer a question
                raise UserError(
                    Sentence(
                        "This costs {price} once more, so that you are asked first: press the "
                        "button 🔄 under the message.",
                        price=credits_text(quote.price),
                    )
                )
        accepted = await self._orders.accept(order)
        ordered = accepted.row
        content = with_notes(headline(ordered, status_of(None)), ordered.notes)
        message: discord.Message | None = None
        try:
            place = self._client.get_partial_messageable(
                ordered.channel_id, guild_id=ordered.guild_id or None
            )
            message = await attempt(
                place.send(content, allowed_mentions=discord.AllowedMentions.none()),
                f"the first message of job {ordered.id}",
            )
        finally:  # it is paid for: it is drawn whatever becomes of the message
            self._runner.start(accepted, message_id=message.id if message else None)
        return accepted

    async def rerolled(self, row: JobRow, text: str | None = None) -> Request:
        """The same job once more; text: new words for it, a UserError where it takes none."""
        parent = await self._lookup.restored(row)
        if text is not None:
            if not isinstance(parent, engine.DrawJob) or not KINDS[row.kind].rewords:
                raise UserError(
                    "The words of this cannot be edited; send its command again with other ones.",
                    command=text,
                )
            return Remix(
                parent=parent,
                kind=row.kind,
                text=text,
                before=row.prompt,
                resolved=self._lookup.resolved(row),
            )
        return Reroll(
            parent=parent,
            kind=row.kind,
            text=row.prompt,
            title=row.title,
            resolved=self._lookup.resolved(row),
            said=await self._lookup.texts(row),
        )

    async def imagine_suggestion(
        self, interaction: discord.Interaction, row: JobRow, number: int
    ) -> None:
        """A grid for suggestion `number` of the job, from 1; 0: one for each, once confirmed."""
        found = await self._lookup.suggestions(row)
        if number > len(found.texts) or not found.texts:
            raise NotFound("This message has no such prompt.")
        text = found.prompts[number - 1] if number else found.permutation
        await self.imagine(interaction, text, after=row)

    async def shorten(self, interaction: discord.Interaction, text: str) -> None:
        """Which words of a prompt matter, and shorter prompts."""
        text = plain(text)
        check_permissions(interaction)
        try:
            text = await self.written_out(interaction, text)
            await self.place(interaction, Shorten(text=text))
        except UserError as refusal:
            refusal.command = f"/shorten prompt: {text}"
            raise

    async def describe(
        self, interaction: discord.Interaction, picture: bytes, *, after: JobRow | None = None
    ) -> None:
        """Prompts that could have made a picture, which is as a member sent it.

        after: the member's job that made it, which tells where it is shown, and who pays.
        """
        claims = await asyncio.to_thread(metadata.read, picture)
        request = Describe(
            picture=await self._fetcher.of(interaction.user.id).clean(picture),
            claimed=_claimed(claims) if claims else "",
            animated=await asyncio.to_thread(uploads.is_animated, picture),
        )
        if request.claimed and await self._is_refused(interaction, request.offered):
            request = dataclasses.replace(request, claimed="", withheld=True)
        await self.place(interaction, request, after=after)

    @staticmethod
    async def _is_refused(interaction: discord.Interaction, words: str) -> bool:
        """Whether an order of these words would be refused here."""
        moderation = cast("Darkroom", interaction.client).moderation
        assert interaction.channel_id is not None
        asking = Asking(
            guild_id=interaction.guild_id or 0,
            channel_id=interaction.channel_id,
            parent_channel_id=parent_of(interaction.channel),
            age_restricted=is_age_restricted(interaction.channel),
            user_id=interaction.user.id,
            locale=member_locale(interaction),
        )
        adult = await moderation.allows_adult(asking)
        return await moderation.is_refused(asking.guild_id, words, adult=adult)

    async def blend(
        self,
        interaction: discord.Interaction,
        attachments: Sequence[discord.Attachment],
        aspect: str,
        *,
        words: str = "",
        weights: str = "",
    ) -> None:
        """Two to five pictures mixed. weights: as `kinds.blend.weights_of` reads them."""
        check_permissions(interaction)
        fetches = [partial(self._attached, interaction.user.id, item) for item in attachments]
        words = plain(words)
        try:
            request = Blend(
                aspect=aspect,
                words=await self.written_out(interaction, words) if words else "",
                weights=weights_of(weights, len(attachments)),
            )
            await self.place(interaction, request, fetches)
        except UserError as refusal:
            refusal.command = f"/blend prompt: {words}" if words else ""
            raise

    async def written_out(self, interaction: discord.Interaction, text: str) -> str:
        """The text with the member's own parameters written out, but for a prompt without words."""
        own = await self._preferences.member(interaction.user.id)
        return written_out(text, beside=1, macros=own.macros)

    async def place(
        self,
        interaction: discord.Interaction,
        making: Request | Awaitable[Request],
        fetches: Sequence[Fetch] = (),
        *,
        after: JobRow | None = None,
        slow: bool = False,
        words: str = "",
    ) -> None:
        """Accept the order, reply publicly and start it; a UserError is the caller's to answer.

        making: the request, or what reads it from the disk. fetches: for requests that start from
        pictures which are still to be fetched. slow: whether `making` fetches any. words: of a
        request that is still to be read, as far as they are known.
        """
        private = not interaction.response.is_done() and await self._is_probably_hidden(
            interaction, words if isinstance(making, Awaitable) else making.text
        )
        job_id = self.new_id()
        accepted = await before_reply(
            interaction,
            self._accept(interaction, making, fetches, after, job_id),
            slow=slow or bool(fetches),
            ephemeral=private,
            job_id=job_id,
        )
        await self._start(interaction, accepted, deferred_privately=private)

    async def _start(
        self, interaction: discord.Interaction, accepted: Accepted, *, deferred_privately: bool
    ) -> None:
        told = _Told()
        try:
            told = await _reply(interaction, accepted, deferred_privately=deferred_privately)
        finally:  # it is paid for: it is drawn whatever becomes of the reply
            self._run(interaction, accepted, told)
        await warn(interaction, accepted.warnings)
        await _say_queued(interaction, accepted)

    def _run(self, interaction: discord.Interaction, accepted: Accepted, told: _Told) -> None:
        """Start the job; its progress is shown where its member was told of it."""
        row = accepted.row
        if told.edit is not None:
            self._progress.show_privately(row, told.edit, _private_notes(interaction, row))
        self._runner.start(accepted, message_id=told.message_id)

    async def place_or_quote(
        self,
        interaction: discord.Interaction,
        making: Callable[[], Awaitable[Request]],
        *,
        slow: bool,
        words: str,
    ) -> Quote | None:
        """As `place` where it costs no more than a grid; else what it would cost."""
        private = not interaction.response.is_done() and await self._is_probably_hidden(
            interaction, words
        )
        job_id = self.new_id()
        found = await before_reply(
            interaction,
            self._accept_or_quote(interaction, making, job_id),
            slow=slow,
            ephemeral=private,
            job_id=job_id,
        )
        if isinstance(found, Quote):
            return found
        await self._start(interaction, found, deferred_privately=private)
        return None

    async def accept_confirmed(
        self,
        interaction: discord.Interaction,
        making: Callable[[], Awaitable[Request]],
        *,
        price: int,
    ) -> Accepted:
        """Order what a member confirmed by a button under a private question.

        price: what they were told, in 1/100 credit.
        """

        async def accept() -> Accepted:
            order = await self._order(interaction, await making())
            return await self._orders.accept(order, agreed=price)

        return await before_update(interaction, accept())

    async def start_confirmed(
        self, interaction: discord.Interaction, accepted: Accepted, *, price: int
    ) -> None:
        """Answer the question whose order was accepted, and start the job."""
        told = _Told()
        try:
            said = Sentence("Ordered for {price}.", price=credits_text(price))
            await replace_question(interaction, said)
            told = await _follow_up(interaction, accepted)
        finally:  # it is paid for: it is drawn whatever becomes of the reply
            self._run(interaction, accepted, told)
        await warn(interaction, accepted.warnings)
        await _say_queued(interaction, accepted)

    def new_id(self) -> str:
        """An id that nobody can guess."""
        return self._orders.new_id()

    async def _accept_or_quote(
        self,
        interaction: discord.Interaction,
        making: Callable[[], Awaitable[Request]],
        job_id: str,
    ) -> Accepted | Quote:
        order = await self._order(interaction, await making())
        order = dataclasses.replace(order, job_id=job_id)
        quote = await self._orders.quote_one(order)
        if quote.price > quote.usual:
            return quote
        return await self._orders.accept(order)

    async def _order(
        self, interaction: discord.Interaction, request: Request, after: JobRow | None = None
    ) -> Order:
        """The request with who asks and where.

        What goes on from a server's job in its member's direct messages draws on the account there,
        as long as they are in that server.
        """
        order = order_of(interaction, request)
        if after is not None:
            order = dataclasses.replace(order, after_id=after.id)
        parent = after
        if interaction.guild_id is None and parent is None and request.parent_id is not None:
            parent = await self._lookup.job(request.parent_id)
        if interaction.guild_id is not None or parent is None:
            return order
        if parent.user_id != interaction.user.id:
            return order
        guild_id = await memberships.paying(self._client, parent.guild_id, order.user_id)
        roles = await role_ids_in(self._client, guild_id, order.user_id)
        return dataclasses.replace(order, guild_id=guild_id, role_ids=roles)

    async def _is_probably_hidden(self, interaction: discord.Interaction, words: str) -> bool:
        """Whether a first reply that cannot wait should be private; what is ordered will tell."""
        if interaction.guild_id is None:
            return False
        own = modes.of_member(await self._preferences.member(interaction.user.id))
        try:
            prompt = grammar.parse(words, beside=2)
        except PromptError:
            return own.stealth
        return modes.asked(as_json(prompt), own).stealth

    async def _attached(self, member: int, attachment: discord.Attachment) -> bytes:
        """A clean PNG of what a member attached; InvalidPicture otherwise."""
        fetcher = self._fetcher.of(member)
        return await fetcher.clean(await attached(fetcher, attachment))

    async def _accept(
        self,
        interaction: discord.Interaction,
        making: Request | Awaitable[Request],
        fetches: Sequence[Fetch],
        after: JobRow | None,
        job_id: str,
    ) -> Accepted:
        request = await making if isinstance(making, Awaitable) else making
        order = await self._order(interaction, request, after)
        order = dataclasses.replace(order, job_id=job_id)
        if not fetches:
            return await self._orders.accept(order)
        unfetched = cast("PictureRequest", request)
        await self._orders.expect(order, unfetched, len(fetches))
        pictures = tuple([await fetch() for fetch in fetches])
        whole = dataclasses.replace(order, request=unfetched.with_pictures(pictures))
        return await self._orders.accept(whole)


def given(fetcher: Fetcher, picture: discord.Attachment | None, link: str | None) -> Fetch:
    """What reads the one picture that a command was given, as it is; UserError for two or none."""
    if picture is not None and link is None:
        return partial(attached, fetcher, picture)
    if link is not None and picture is None:
        return partial(fetcher.linked, link.strip())
    raise UserError("Give a picture or a link to one; one of the two.")


async def attached(fetcher: Fetcher, attachment: discord.Attachment) -> bytes:
    """What a member attached, as it is; InvalidPicture where it is too large or gone."""
    try:
        return await fetcher.attached(attachment.filename, attachment.size, attachment.read)
    except discord.HTTPException:
        raise _unread(attachment.filename) from None


async def filed(fetcher: Fetcher, interaction: discord.Interaction[Darkroom], file: File) -> bytes:
    """What a member put into a form, as it is; InvalidPicture where it is too large or gone."""
    http = interaction.client.http
    fetcher = fetcher.of(interaction.user.id)
    try:
        return await fetcher.attached(
            file.name, file.size_bytes, lambda: http.get_from_cdn(file.url)
        )
    except discord.HTTPException:
        raise _unread(file.name) from None


def _claimed(told: Making) -> str:
    """The words of the prompt that a picture's file tells; of Darkroom's without its parameters.

    Parts that are to be kept out of the picture are left out: as words they would ask for it.
    """
    if told.program is not Program.DARKROOM:
        return told.prompt
    try:
        prompt = grammar.parse(told.canonical or told.prompt, beside=1)
    except PromptError:  # of another version, or by another hand
        return told.prompt
    return ", ".join(part.text for part in prompt.parts if part.written > 0)


def _unread(name: str) -> InvalidPicture:
    return InvalidPicture(
        Sentence("{file} could not be read from Discord; attach it again.", file=name)
    )


def order_of(interaction: discord.Interaction, request: Request) -> Order:
    """The request with who asks and where."""
    assert interaction.channel_id is not None  # every command and button is used in a channel
    return Order(
        guild_id=interaction.guild_id or 0,
        channel_id=interaction.channel_id,
        user_id=interaction.user.id,
        locale=member_locale(interaction),
        channel_locale=channel_locale(interaction),
        request=request,
        parent_channel_id=parent_of(interaction.channel),
        age_restricted=is_age_restricted(interaction.channel),
        role_ids=role_ids(interaction.user),
        hidden_channel=None if interaction.guild_id is None else partial(_direct, interaction.user),
    )


async def _direct(user: discord.User | discord.Member) -> int:
    """The id of the channel with the member's direct messages."""
    try:
        return (await user.create_dm()).id
    except discord.HTTPException:
        raise UserError(
            "What is hidden goes to your direct messages, and Discord lets me open none with you."
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """How the first reply to an order went."""

    message_id: int | None = None
    """The public message; None where Discord did not take it, and for a hidden job."""
    edit: Edit | None = None
    """What edits the private reply about a hidden job."""


async def _follow_up(interaction: discord.Interaction, accepted: Accepted) -> _Told:
    """As `_reply`, where the interaction has its own answer already."""
    row = accepted.row
    hidden = _is_told_privately(interaction, row)
    message = await attempt(
        interaction.followup.send(
            _first_words(interaction, row, hidden=hidden),
            view=_cancelling(row, hidden=hidden),
            allowed_mentions=discord.AllowedMentions.none(),
            ephemeral=hidden,
            wait=True,
        ),
        f"the first reply of job {row.id}",
    )
    if message is None:
        return _Told()
    return _Told(edit=message.edit) if hidden else _Told(message_id=message.id)


async def _say_queued(interaction: discord.Interaction, accepted: Accepted) -> None:
    """Tell the member that as many of their jobs are open as may run, where it is so."""
    if accepted.waits_behind:
        await attempt(
            interaction.followup.send(
                embed=queued(accepted, member_locale(interaction)), ephemeral=True
            ),
            f"the word that job {accepted.row.id} waits",
        )


def queued(accepted: Accepted, language: str) -> discord.Embed:
    """What is said of a job that waits behind its member's others."""
    said = Sentence.plural(
        "{count} job of yours runs at once here. This one starts by itself when its turn comes; "
        "it is paid for, and you need not send it again.",
        "{count} jobs of yours run at once here. This one starts by itself when its turn comes; "
        "it is paid for, and you need not send it again.",
        count=accepted.waits_behind,
    )
    return discord.Embed(
        title=translated(Sentence("Job queued"), language),
        description=translated(said, language),
        colour=discord.Colour.gold(),
    )


async def _reply(
    interaction: discord.Interaction, accepted: Accepted, *, deferred_privately: bool
) -> _Told:
    """Reply publicly; of a job that is hidden from others only its member is told here."""
    row = accepted.row
    hidden = _is_told_privately(interaction, row)
    content, shown = _first_words(interaction, row, hidden=hidden), _cancelling(row, hidden=hidden)
    nobody = discord.AllowedMentions.none()
    what = f"the first reply of job {row.id}"
    if not interaction.response.is_done():
        response = await attempt(
            interaction.response.send_message(
                content, view=shown, allowed_mentions=nobody, ephemeral=hidden
            ),
            what,
        )
        message_id = response.message_id if response else None
    elif hidden != deferred_privately:
        await attempt(interaction.delete_original_response(), "taking the deferral back")
        return await _follow_up(interaction, accepted)
    else:
        message = await attempt(
            interaction.edit_original_response(
                content=content, view=shown, allowed_mentions=nobody
            ),
            what,
        )
        message_id = message.id if message else None
    if hidden:
        return _Told(edit=interaction.edit_original_response if message_id else None)
    return _Told(message_id=message_id)


def _is_told_privately(interaction: discord.Interaction, row: JobRow) -> bool:
    return is_stealthy(row) and interaction.guild_id is not None


def _cancelling(row: JobRow, *, hidden: bool) -> Any:  # noqa: ANN401 - a view, or discord.py's sign for none
    """No menu finds a message that is private, so that it has a button to cancel the job."""
    return actions.view(("cancel",), row) if hidden else discord.utils.MISSING


def _first_words(interaction: discord.Interaction, row: JobRow, *, hidden: bool) -> str:
    """What the first reply to an order says."""
    if not hidden:
        paused = cast("Darkroom", interaction.client).halts.is_paused(row.guild_id)
        status = Sentence("Waiting: the queue is paused") if paused else status_of(None)
        return with_notes(headline(row, status), row.notes)
    # Without a status: where the process ends, it would be said to wait for ever.
    return with_notes(headline(row), _private_notes(interaction, row))


def _private_notes(interaction: discord.Interaction, row: JobRow) -> str:
    """What stands below a hidden job in its private reply."""
    said = Sentence("The result comes to you by direct message; if you take none, /show brings it.")
    return "\n".join(filter(None, (row.notes, to_member(interaction, said))))

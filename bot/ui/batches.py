"""Permutations and --repeat: asked for with their price, ordered once, cancelled whole.

What is asked is remembered in this process alone, and for a short time: until its member confirms,
nothing of it exists. Its id becomes the batch's, which the database takes only once.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import discord

from bot.credits.pricing import credits_text
from bot.errors import InvalidLink, NotAllowed, NotConfirmed, NotFound, UserError
from bot.jobs.kinds import Imagine
from bot.jobs.lookup import Lookup
from bot.jobs.orders import Accepted, Batch, Order, Orders
from bot.jobs.runner import Runner
from bot.pictures.fetch import Fetcher
from bot.pictures.uploads import PLACEHOLDER
from bot.prompt.repeats import Grids
from bot.ui import answer_buttons, batch_text
from bot.ui.batch_messages import BatchMessages
from bot.ui.replies import (
    before_reply,
    before_update,
    check_permissions,
    replace_question,
    tell,
    warn,
)
from engine import Sentence

CONFIRM_WITHIN_MIN = 15
MAX_LINKS = 10
"""Different pictures that the prompts of one batch may link to."""
_ASKED_AT_MOST = 3
"""Questions of one member that are remembered."""


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A batch that its member was asked to confirm."""

    batch: Batch
    order: Order
    """Who asked, and where; its request is the first of the batch."""
    links: tuple[tuple[str, ...], ...]
    """Of each prompt."""
    price: int
    """In 1/100 credit, as the member was told."""
    asked_ms: int
    ordering: bool = False
    """Its member has confirmed it just now."""


class Batches:
    """Asks for batches, orders and cancels them."""

    def __init__(
        self,
        *,
        orders: Orders,
        runner: Runner,
        lookup: Lookup,
        fetcher: Fetcher,
        messages: BatchMessages,
        now_ms: Callable[[], int],
    ) -> None:
        self._orders = orders
        self._runner = runner
        self._lookup = lookup
        self._fetcher = fetcher
        self._messages = messages
        self._now_ms = now_ms
        self._asked: dict[str, _Asked] = {}
        """By the batch's id, oldest first."""

    async def ask(
        self, interaction: discord.Interaction, order: Order, text: str, grids: Grids
    ) -> None:
        """Say in private what the grids cost together, and let the member confirm it.

        order: who asks and where; text: what they typed.
        """
        prompts = grids.prompts
        links = tuple([await self._links(order, prompt) for prompt in prompts])
        different = len({link for each in links for link in each})
        if different > MAX_LINKS:
            raise InvalidLink(
                Sentence(
                    "These prompts link to {count} different pictures; together they may link to "
                    "{most}.",
                    count=different,
                    most=MAX_LINKS,
                )
            )
        unfetched = [
            Imagine(text=prompt, pictures=(PLACEHOLDER,) * len(each))
            for prompt, each in zip(prompts, links, strict=True)
        ]
        batch = Batch(
            id=self._orders.new_id(),
            text=text,
            orders=tuple(
                dataclasses.replace(order, request=request, seed=self._orders.new_seed())
                for request in unfetched
            ),
        )
        quote = await before_reply(interaction, self._orders.quote(batch), ephemeral=True)
        embed = batch_text.confirmation(
            prompts,
            quote,
            minutes=CONFIRM_WITHIN_MIN,
            seeds_apart=grids.seeds_apart,
            language=order.locale,
        )
        view = answer_buttons.confirming(answer_buttons.BATCH, batch.id, order.locale)
        self._remember(
            _Asked(
                batch=batch, order=order, links=links, price=quote.price, asked_ms=self._now_ms()
            )
        )
        if interaction.response.is_done():
            await interaction.edit_original_response(embed=embed, view=view)
        else:
            await interaction.response.send_message(embed=embed, view=view, ephemeral=True)

    async def confirm(self, interaction: discord.Interaction, batch_id: str) -> None:
        """Order what was asked, once, however often and wherever it is confirmed."""
        asked = await self._of(interaction, batch_id)
        check_permissions(interaction)
        asked.ordering = True
        try:
            accepted = await before_update(
                interaction, self._accept(asked), slow=any(map(len, asked.links))
            )
        finally:
            asked.ordering = False
        del self._asked[batch_id]
        try:
            said = Sentence(
                "Ordered: {count} grids for {price}.",
                count=len(accepted),
                price=credits_text(asked.price),
            )
            await replace_question(interaction, said)
            await self._messages.open(batch_id)
        finally:  # it is paid for: it is drawn whatever becomes of the messages
            for each in accepted:
                self._runner.start(each, message_id=None)
        await warn(interaction, [said for each in accepted for said in each.warnings])

    async def discard(self, interaction: discord.Interaction, batch_id: str) -> None:
        """Forget what was asked."""
        await self._of(interaction, batch_id)
        del self._asked[batch_id]
        said = Sentence("Nothing was ordered or charged.")
        await replace_question(interaction, said)

    async def cancel(self, interaction: discord.Interaction, batch_id: str) -> None:
        """Cancel what is not drawn of a batch yet, for its member only."""
        batch = await self._lookup.batch(batch_id)
        if batch is None:
            raise NotFound("This batch is not known here; it may be from another server's bot.")
        if interaction.user.id != batch.user_id:
            raise NotAllowed("This is another member's batch; only they can cancel it.")
        count = await self._runner.cancel_batch(batch)
        said = Sentence.plural(
            "Cancelled; {count} grid is not charged.",
            "Cancelled; {count} grids are not charged.",
            count=count,
        )
        await tell(interaction, said)

    async def _accept(self, asked: _Asked) -> tuple[Accepted, ...]:
        """Fetch the pictures, each once, and order everything."""
        different = tuple(dict.fromkeys(link for each in asked.links for link in each))
        fetcher = self._fetcher.of(asked.batch.orders[0].user_id)
        try:
            async with asyncio.TaskGroup() as group:
                fetched = {link: group.create_task(fetcher.link(link)) for link in different}
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        pictures = {link: task.result() for link, task in fetched.items()}
        orders = []
        for order, links in zip(asked.batch.orders, asked.links, strict=True):
            request = Imagine(
                text=order.request.text, pictures=tuple(pictures[link] for link in links)
            )
            orders.append(dataclasses.replace(order, request=request))
        batch = dataclasses.replace(asked.batch, orders=tuple(orders))
        try:
            return await self._orders.accept_batch(batch, price=asked.price)
        except UserError as refusal:
            refusal.command = f"/imagine prompt: {batch.text}"
            raise

    async def _links(self, order: Order, prompt: str) -> tuple[str, ...]:
        """Of the pictures that one of the prompts takes."""
        if "://" not in prompt:
            return ()
        request = Imagine(text=prompt)
        return await self._orders.links(dataclasses.replace(order, request=request), request)

    def _remember(self, asked: _Asked) -> None:
        oldest_ms = asked.asked_ms - CONFIRM_WITHIN_MIN * 60_000
        self._asked = {
            batch_id: other
            for batch_id, other in self._asked.items()
            if other.asked_ms > oldest_ms or other.ordering
        }
        theirs = [
            batch_id
            for batch_id, other in self._asked.items()
            if other.order.user_id == asked.order.user_id and not other.ordering
        ]
        for batch_id in theirs[: len(theirs) + 1 - _ASKED_AT_MOST]:
            del self._asked[batch_id]
        self._asked[asked.batch.id] = asked

    async def _of(self, interaction: discord.Interaction, batch_id: str) -> _Asked:
        """What was asked by this id, for its member to answer; nobody else has an answer to it."""
        asked = self._asked.get(batch_id)
        if asked is not None and asked.order.user_id != interaction.user.id:
            raise NotAllowed("This is another member's order; only they can answer.")
        if asked is not None and asked.ordering:
            raise NotConfirmed("This is being ordered already; it is drawn and charged once.")
        if asked is None:
            ordered = await self._lookup.batch(batch_id)
            if ordered is not None and ordered.user_id == interaction.user.id:
                raise NotConfirmed("This is ordered already; it is drawn and charged once.")
        now_ms = self._now_ms()
        if (
            asked is None
            or interaction.channel_id != asked.order.channel_id
            or now_ms - asked.asked_ms > CONFIRM_WITHIN_MIN * 60_000
        ):
            raise NotConfirmed(
                "This question is too old, or Darkroom was restarted since: send the command "
                "again. Nothing was charged."
            )
        return asked

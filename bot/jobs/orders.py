"""Orders: read, priced and accepted in one transaction, or refused with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

import engine
from bot import locale
from bot.credits import ledger, plans, pricing
from bot.credits.accounts import Accounts
from bot.credits.plans import Plan
from bot.credits.pricing import credits_text
from bot.credits.quotas import Quotas
from bot.credits.server_plans import ServerPlans
from bot.errors import Draining, NotAllowed, NotConfirmed, UserError
from bot.jobs import batches, codec, modes, records, seen
from bot.jobs.batches import BatchRow
from bot.jobs.engine_client import EngineClient
from bot.jobs.halts import Halts
from bot.jobs.kinds import (
    KINDS,
    Context,
    Describe,
    LinkingRequest,
    Morph,
    PictureRequest,
    Request,
    Said,
    Written,
)
from bot.jobs.provenance import Provenance
from bot.jobs.records import JobRow, NewJob
from bot.moderation.moderation import Asking, Moderation, Passed
from bot.moderation.policy import Asked, Policy
from bot.pictures.store import PictureStore
from bot.pictures.uploads import PLACEHOLDER
from bot.preferences import DEFAULT_MODEL, FORBIDDEN, STEALTH, Preferences, denied_models
from bot.storage.database import Database
from engine import Sentence, sentence_of

_ID_BYTES = 10
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a member asks for, and where."""

    guild_id: int
    """0 in direct messages."""
    channel_id: int
    user_id: int
    locale: str
    """The member's language, a name of `locale`; what they alone are told is said in it."""
    channel_locale: str
    """The language of what the channel sees: the server's, or the member's in direct messages."""
    request: Request
    parent_channel_id: int = 0
    """The channel that a thread is in; 0: it is no thread."""
    age_restricted: bool = False
    """Whether Discord shows the channel to adults alone."""
    role_ids: tuple[int, ...] = ()
    """The member's roles in the server; none in direct messages."""
    hidden_channel: Callable[[], Awaitable[int]] | None = None
    """The id of the channel that a hidden job is shown in instead, its member's direct messages;
    None: what is ordered here is seen by nobody else anyway."""
    after_id: str | None = None
    """The job whose message it is ordered from, where the request itself goes on from none."""
    seed: int | None = None
    """For what its prompt leaves to chance, 0 … 2³²−1; None: a new one whenever it is written."""
    job_id: str = ""
    """From `Orders.new_id`, where it was told beforehand; empty: a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A job that is paid for and will end exactly once."""

    row: JobRow
    job: engine.Job
    warnings: tuple[Sentence, ...] = ()
    """What its words are known for, for the member alone."""
    waits_behind: int = 0
    """How many jobs of the member may run at once, where so many are open before it; else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """An order as the engine will do it and as it is charged."""

    written: Written
    price: int
    """In 1/100 credit."""
    usual: int
    """What a usual grid costs, in 1/100 credit."""
    made_from: tuple[JobRow, ...] = ()
    """The jobs whose pictures it is drawn from."""

    @property
    def job(self) -> engine.Job:
        return self.written.job


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Orders of one member in one channel that are accepted together, or none of them."""

    id: str
    """From `Orders.new_id`; it is accepted at most once."""
    text: str
    """What the member typed for all of them."""
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a batch would cost, in 1/100 credit."""

    price: int
    available: int
    """What the member has."""
    notes: tuple[Sentence, ...]
    """What the member should know about the pictures, each once."""
    usual: int
    """What as many usual grids cost."""


class Orders:
    """Takes orders."""

    def __init__(
        self,
        *,
        database: Database,
        engine_client: EngineClient,
        store: PictureStore,
        provenance: Provenance,
        policy: Policy,
        moderation: Moderation,
        accounts: Accounts,
        preferences: Preferences,
        halts: Halts,
        server_plans: ServerPlans,
        quotas: Quotas,
        now_ms: Callable[[], int],
        default_model: str = "",
        new_seed: Callable[[], int] = lambda: secrets.randbelow(engine.MAX_SEED + 1),
        new_id: Callable[[], str] | None = None,
    ) -> None:
        """default_model: for servers that set none; empty: the largest installed one."""
        self._database = database
        self._engine = engine_client
        self._store = store
        self._provenance = provenance
        self._policy = policy
        self._moderation = moderation
        self._accounts = accounts
        self._preferences = preferences
        self._halts = halts
        self._server_plans = server_plans
        self._quotas = quotas
        self._now_ms = now_ms
        self._default_model = default_model
        self._new_seed = new_seed
        self._new_id = new_id or _random_id
        self._storing = asyncio.Lock()
        self._closed = False

    def close(self) -> None:
        """Take no more orders: the process is about to end."""
        self._closed = True

    async def expect(self, order: Order, request: PictureRequest, pictures: int) -> None:
        """Refuse now what `accept` would refuse once so many pictures are fetched for it."""
        self._refuse_if_closed(order)
        placeholders = request.with_pictures((PLACEHOLDER,) * pictures)
        ready = await self._write(dataclasses.replace(order, request=placeholders))
        plan = await self._plan(order)
        with _giving_back(order.request.text):
            await self._moderated([order], [ready])
            async with self._database.write() as connection:
                account_id, _ = await self._checked(connection, plan, ready.price, order)
                await ledger.require(connection, account_id, ready.price, now_ms=self._now_ms())

    async def accept(self, order: Order, *, agreed: int | None = None) -> Accepted:
        """Store the order and hold its price; a UserError leaves nothing behind.

        agreed: the price that the member was told, in 1/100 credit; None: they were told none.
        """
        self._refuse_if_closed(order)
        ready = await self._write(order)
        if agreed is not None:
            _refuse_other_price(ready.price, agreed, order.request.text)
        [accepted] = await self._record([order], [ready], order.request.text)
        return accepted

    async def quote_one(self, order: Order) -> Quote:
        """As `quote`, of one order."""
        return await self.quote(Batch(id="", text=order.request.text, orders=(order,)))

    def new_id(self) -> str:
        """An id for a batch that is still to be confirmed: nobody can guess it."""
        return self._new_id()

    def new_seed(self) -> int:
        """A seed for an order that is still to be confirmed, 0 … 2³²−1."""
        return self._new_seed()

    async def most_grids(self, *, guild_id: int, role_ids: Sequence[int]) -> int:
        """How many grids one order of a member with these roles may have."""
        return self._policy.quota_of(await self._server_plans.of(guild_id, role_ids)).batch

    async def quote(self, batch: Batch) -> Quote:
        """What the batch would cost; the UserError for which `accept_batch` would refuse it now."""
        self._refuse_if_closed(batch.orders[0])
        ready = await self._write_all(batch.orders)
        plan = await self._plan(batch.orders[0])
        price = sum(each.price for each in ready)
        with _giving_back(batch.text):
            await self._moderated(batch.orders, ready)
            async with self._database.write() as connection:
                account_id, _ = await self._checked(connection, plan, price, *batch.orders)
                available = await ledger.require(
                    connection, account_id, price, now_ms=self._now_ms()
                )
        return _quote(ready, sum(available.values()))

    async def priced(self, batch: Batch) -> Quote:
        """What the batch would cost, whatever the member has and may spend."""
        ready = await self._write_all(batch.orders)
        first = batch.orders[0]
        balance = await self._accounts.balance(
            guild_id=first.guild_id,
            user_id=first.user_id,
            monthly_credits=(await self._plan(first)).monthly,
            role_ids=first.role_ids,
        )
        return _quote(ready, balance.available)

    async def accept_batch(self, batch: Batch, *, price: int) -> tuple[Accepted, ...]:
        """Store the orders and hold all their prices; a UserError leaves nothing behind.

        price: what the member agreed to, in 1/100 credit.
        """
        self._refuse_if_closed(batch.orders[0])
        ready = await self._write_all(batch.orders)
        _refuse_other_price(sum(each.price for each in ready), price, batch.text)
        return await self._record(batch.orders, ready, batch.text, batch=batch)

    async def links(self, order: Order, request: LinkingRequest) -> tuple[str, ...]:
        """The links whose pictures the request takes, in their order."""
        return request.links(await self._context(order))

    async def model_of(self, order: Order, request: LinkingRequest) -> engine.ModelInfo:
        """The model that the request would be drawn on."""
        return request.model(await self._context(order))

    async def _write(self, order: Order) -> _Ready:
        written = order.request.write(await self._context(order))
        made_from = await self._made_from(order, written.job, {})
        settled = await self._settled(order, written, made_from)
        return _ready(settled, await self._plan(order), made_from)

    async def _write_all(self, orders: Sequence[Order]) -> list[_Ready]:
        """Off the event loop: many long prompts take a while to read.

        Where one of them is hidden, all are: their list shows every prompt.
        """
        pairs = [(order.request, await self._context(order)) for order in orders]
        written = await asyncio.to_thread(lambda: [each.write(context) for each, context in pairs])
        known: dict[bytes, JobRow | None] = {}
        made_from = [
            await self._made_from(order, each.job, known)
            for order, each in zip(orders, written, strict=True)
        ]
        settled = [
            await self._settled(order, each, rows)
            for order, each, rows in zip(orders, written, made_from, strict=True)
        ]
        if any(modes.stored(each.resolved).stealth for each in settled):
            settled = [_hidden(each) for each in settled]
        plan = await self._plan(orders[0])
        return [_ready(each, plan, rows) for each, rows in zip(settled, made_from, strict=True)]

    async def _made_from(
        self, order: Order, job: engine.Job, known: dict[bytes, JobRow | None]
    ) -> tuple[JobRow, ...]:
        """The job that it goes on from; where it names none, those that made the pictures sent.

        known: of pictures that were looked for already.
        """
        named = await self._row(order.request.parent_id)
        if named is not None:
            return (named,)
        pictures = [data for data in codec.pictures(job) if data != PLACEHOLDER]
        for data in pictures:
            if data not in known:
                origin = await self._provenance.origin(data)
                known[data] = None if origin is None else origin.row
        rows = (known[data] for data in pictures)
        return tuple({row.id: row for row in rows if row is not None}.values())

    async def _plan(self, order: Order) -> Plan:
        return await self._server_plans.of(order.guild_id, order.role_ids)

    async def _settled(
        self, order: Order, written: Written, made_from: Sequence[JobRow]
    ) -> Written:
        """In the modes that its words ask for, or else its member, as their plan has it; UserError
        where it has not, or where the engine can never do it.
        """
        own = modes.of_member(await self._preferences.member(order.user_id))
        await self._refuse_denied_model(order, written.model)
        chosen = modes.settled(written.resolved, own)
        after = await self._row(order.after_id)
        earlier = (*made_from, *filter(None, [after]))
        notes: tuple[Sentence, ...] = ()
        kept = any(_is_named(each, order) and modes.of(each).stealth for each in earlier)
        if kept:
            chosen = dataclasses.replace(chosen, stealth=True)
        elif not chosen.stealth and _sends_hidden(order, written, earlier):
            chosen = dataclasses.replace(chosen, stealth=True)
            notes = (_why_hidden(order),)
        if not chosen.stealth:
            for each in earlier:
                _refuse_outside(each, order)
        if chosen.stealth and order.guild_id:
            await self._refuse_forbidden_stealth(order, kept=kept)
        plan, resolved = await self._plan(order), written.resolved
        with _giving_back(order.request.text):
            speed = plans.speed(plan, chosen.speed, asked=modes.is_asked(resolved, chosen.speed))
            chosen = dataclasses.replace(chosen, speed=speed)
            job, fitted = plans.fitted(plan, dataclasses.replace(written.job, lane=chosen.lane))
            plans.check(plan, job, written.model, chosen=str(resolved.get("model", "")))
        try:
            self._engine.check(job)
        except ValueError as error:  # a drawing's own rooms refuse with more to say
            raise UserError(sentence_of(error), command=order.request.text) from None
        return dataclasses.replace(
            written,
            job=job,
            notes=(*written.notes, *notes, *fitted),
            resolved=modes.with_modes(resolved, chosen),
        )

    async def _row(self, job_id: str | None) -> JobRow | None:
        """The job that an order goes on from."""
        if job_id is None:
            return None
        async with self._database.read(short=True) as connection:
            return await records.get(connection, job_id)

    async def _refuse_denied_model(self, order: Order, model: engine.ModelInfo | None) -> None:
        denied = denied_models(await self._preferences.of(order.guild_id))
        if model is None or model.name not in denied:
            return
        allowed = [each.title for each in self._drawing() if each.name not in denied]
        raise NotAllowed(
            Sentence(
                "Who manages this server does not allow {model} here. Choose one of: {models}.",
                model=model.title,
                models=", ".join(allowed),
            ),
            command=order.request.text,
        )

    def _drawing(self) -> list[engine.ModelInfo]:
        """Installed models that draw from words, the largest first."""
        drawing = [
            each for each in self._engine.models() if each.installed and "text" in each.operations
        ]
        return sorted(drawing, key=lambda model: model.weight_bytes, reverse=True)

    async def _refuse_forbidden_stealth(self, order: Order, *, kept: bool) -> None:
        """Hidden orders are refused rather than shown: who hides something means it.

        kept: it goes on from a hidden job, which no words can change.
        """
        if (await self._preferences.of(order.guild_id)).get(STEALTH) == FORBIDDEN:
            if kept:
                raise NotAllowed(
                    "This picture is hidden, and this server allows no hidden pictures any more; "
                    "/show brings it.",
                    command=order.request.text,
                )
            raise NotAllowed(
                "This server allows no hidden pictures. Add --public to the prompt, or use /public "
                "first, so that everybody here sees what you draw.",
                command=order.request.text,
            )

    async def _context(self, order: Order) -> Context:
        of_the_server = await self._preferences.of(order.guild_id)
        own = await self._preferences.member(order.user_id)
        models = self._engine.models()
        denied = denied_models(of_the_server)
        installed = {
            name.casefold()
            for model in models
            if model.installed and model.name not in denied
            for name in (model.name, *model.aliases)
        }
        wanted: tuple[str, ...] = (
            own.model,
            of_the_server.get(DEFAULT_MODEL, ""),
            self._default_model,
        )
        if denied:  # else the grammar takes the largest
            wanted = (*wanted, *(model.name for model in self._drawing()))
        default = next((name for name in wanted if name.casefold() in installed), "")
        return Context(
            models=models,
            default_model=default,
            job_id=order.job_id or self._new_id(),
            owner=str(order.user_id),
            seed=self._new_seed() if order.seed is None else order.seed,
        )

    async def _record(
        self,
        orders: Sequence[Order],
        ready: Sequence[_Ready],
        text: str,
        *,
        batch: Batch | None = None,
    ) -> tuple[Accepted, ...]:
        """Store the pictures, each once, then all jobs in one transaction."""
        with _giving_back(text):
            passed = await self._moderated(orders, ready, ordered=True)
        ready = [
            dataclasses.replace(each, written=_with_passed(each, found))
            for each, found in zip(ready, passed, strict=True)
        ]
        accepted = await self._kept(orders, ready, text, batch)
        return tuple(
            dataclasses.replace(each, warnings=found.warnings)
            for each, found in zip(accepted, passed, strict=True)
        )

    async def _kept(
        self,
        orders: Sequence[Order],
        ready: Sequence[_Ready],
        text: str,
        batch: Batch | None,
    ) -> tuple[Accepted, ...]:
        pictures = dict.fromkeys(data for each in ready for data in codec.pictures(each.job))
        if not pictures:
            return await self._hold(orders, ready, text, {}, batch)
        async with self._storing:
            hashes = {data: await asyncio.to_thread(self._store.store, data) for data in pictures}
            try:
                return await self._hold(orders, ready, text, hashes, batch)
            except BaseException:
                await self._forget(tuple(hashes.values()))
                raise

    async def _hold(
        self,
        orders: Sequence[Order],
        ready: Sequence[_Ready],
        text: str,
        hashes: dict[bytes, str],
        batch: Batch | None,
    ) -> tuple[Accepted, ...]:
        shown = await _where_shown(orders, [each.written for each in ready])
        plan = await self._plan(orders[0])
        running = self._policy.quota_of(plan).running
        whole = sum(each.price for each in ready)
        new = [
            _new_job(order, each.written, hashes, batch)
            for order, each in zip(shown, ready, strict=True)
        ]

        with _giving_back(text):
            async with self._database.write() as connection:
                account_id, open_jobs = await self._checked(connection, plan, whole, *orders)
                now_ms = self._now_ms()
                if batch is not None:
                    await self._accept_batch(connection, batch, shown[0], now_ms)
                    # It names the whole.
                    await ledger.require(connection, account_id, whole, now_ms=now_ms)
                rows = [
                    await records.accept(
                        connection,
                        job,
                        account_id=account_id,
                        price=each.price,
                        now_ms=now_ms + place,  # so that their order is known for ever
                    )
                    for place, (job, each) in enumerate(zip(new, ready, strict=True))
                ]
        behind = running if open_jobs >= running else 0
        return tuple(
            Accepted(row=row, job=each.job, waits_behind=behind)
            for row, each in zip(rows, ready, strict=True)
        )

    async def _accept_batch(
        self, connection: AsyncConnection, batch: Batch, first: Order, now_ms: int
    ) -> None:
        if await batches.get(connection, batch.id) is not None:
            raise NotConfirmed("This is ordered already; it is drawn and charged once.")
        row = BatchRow(
            id=batch.id,
            guild_id=first.guild_id,
            channel_id=first.channel_id,
            user_id=first.user_id,
            prompt=batch.text,
            locale=first.channel_locale,
            created_ms=now_ms,
        )
        await batches.accept(connection, row)

    async def _moderated(
        self, orders: Sequence[Order], ready: Sequence[_Ready], *, ordered: bool = False
    ) -> tuple[Passed, ...]:
        """What follows from who orders, where, and in which words; a UserError refuses all.

        ordered: whether this is the order itself, and not a question what it would cost.
        """
        first = orders[0]
        own = [await self._has_own_words(order) for order in orders]
        asking = Asking(
            guild_id=first.guild_id,
            channel_id=first.channel_id,
            parent_channel_id=first.parent_channel_id,
            age_restricted=first.age_restricted,
            direct=first.hidden_channel is None,
            user_id=first.user_id,
            locale=first.locale,
            own_words=any(own),
        )
        texts = [
            (order.request.text, *each.written.said)
            for order, each in zip(orders, ready, strict=True)
        ]
        passed = await self._moderation.check(asking, texts, ordered=ordered)
        found = [("", str(each.written.resolved.get(records.FOUND, ""))) for each in ready]
        if not any(map(any, found)):
            return passed
        # Nobody typed these.
        asking = dataclasses.replace(asking, own_words=False)
        also = await self._moderation.check(asking, found, ordered=ordered)
        return tuple(
            dataclasses.replace(
                one,
                spoiler=one.spoiler or other.spoiler,
                warnings=tuple(dict.fromkeys((*one.warnings, *other.warnings))),
            )
            for one, other in zip(passed, also, strict=True)
        )

    async def _has_own_words(self, order: Order) -> bool:
        """Whether its member typed any of its words: not those of the picture that it goes on from,
        nor a prompt that a job suggested, perhaps long before the rules that it meets now.
        """
        text, earlier = (
            order.request.text,
            await self._row(order.request.parent_id or order.after_id),
        )
        if not text or earlier is None:
            return bool(text)
        async with self._database.read() as connection:
            said = Said(
                texts=await records.said(connection, earlier.id),
                resolved=json.loads(earlier.resolved),
            )
        suggested = KINDS[earlier.kind].suggest(said).texts
        return text != earlier.prompt and not any(_only_adds(text, each) for each in suggested)

    async def _checked(
        self, connection: AsyncConnection, plan: Plan, price: int, *orders: Order
    ) -> tuple[int, int]:
        """Ask the policy; returns the member's account, and how many jobs they have open.

        price: of all of them, in 1/100 credit.
        A batch may be taken wherever a single order may: its jobs count for what comes after it.
        """
        open_jobs = await records.open_count(connection, orders[0].user_id)
        for order in orders:
            self._policy.check_order(
                Asked(
                    guild_id=order.guild_id,
                    channel_id=order.channel_id,
                    user_id=order.user_id,
                    text=order.request.text,
                    open_jobs=open_jobs,
                    plan=plan,
                )
            )
        guild_id, user_id = orders[0].guild_id, orders[0].user_id
        if guild_id and price:
            await self._quotas.check(
                connection,
                guild_id=guild_id,
                user_id=user_id,
                role_ids=orders[0].role_ids,
                price=price,
            )
        account_id = await self._accounts.opened(
            connection,
            guild_id,
            user_id,
            monthly_credits=plan.monthly,
            role_ids=orders[0].role_ids,
        )
        return account_id, open_jobs

    async def _forget(self, hashes: Sequence[str]) -> None:
        """Delete pictures that were stored for an order that was then refused."""
        async with self._database.read() as connection:
            unused = [sha for sha in hashes if not await records.is_referenced(connection, sha)]
        for sha256 in unused:
            await asyncio.to_thread(self._store.delete, sha256)

    def _refuse_if_closed(self, order: Order) -> None:
        if self._closed:
            raise Draining(
                "Darkroom is about to restart; send this again in a minute.",
                command=order.request.text,
            )
        if self._halts.is_drained(order.guild_id):
            raise Draining(
                "No new pictures are taken here for now; what is ordered already is drawn. Try "
                "again later.",
                command=order.request.text,
            )


def _only_adds(text: str, suggestion: str) -> bool:
    """Whether the text is the suggestion, with parameters at the most, as its buttons order it."""
    if not suggestion or not text.startswith(suggestion):
        return False
    rest = text[len(suggestion) :].strip()
    return not rest or rest.startswith("--")


def _is_named(earlier: JobRow, order: Order) -> bool:
    """Whether it goes on from the job, not only from a picture that looks like the job's."""
    return earlier.id in (order.request.parent_id, order.after_id)


def _sends_hidden(order: Order, written: Written, earlier: Sequence[JobRow]) -> bool:
    """Whether a member sent a hidden picture of their own, and did not say that all may see it."""
    own = any(each.user_id == order.user_id and modes.of(each).stealth for each in earlier)
    return own and not written.resolved.get("prompt", {}).get("public")


def _why_hidden(order: Order) -> Sentence:
    """Of one that starts from a hidden picture of its member's."""
    if isinstance(order.request, Describe | Morph):  # they take no words beside pictures
        return Sentence("A picture that you sent is a hidden one of yours, so this is hidden too.")
    return Sentence(
        "A picture that you sent is a hidden one of yours, so this is hidden too; add --public to "
        "the words to show it."
    )


def _refuse_outside(earlier: JobRow, order: Order) -> None:
    """What was drawn where adult content is allowed is shown to nobody else elsewhere."""
    seen_by_others = order.guild_id and order.hidden_channel is not None
    if not seen.is_nsfw(earlier) or not seen_by_others or order.age_restricted:
        return
    if _is_named(earlier, order):
        raise NotAllowed(
            "This picture was drawn in a channel for adults only; go on from it in such a channel, "
            "or use /stealth first.",
            command=order.request.text,
        )
    raise NotAllowed(
        "A picture that you sent was drawn here in a channel for adults only, or looks like one; "
        "send it in such a channel, or use /stealth first.",
        command=order.request.text,
    )


def _hidden(written: Written) -> Written:
    """The same, hidden; what is hidden by those beside it alone says so."""
    now = modes.stored(written.resolved)
    if now.stealth:
        return written
    note = Sentence("All grids of this order are hidden, as one of them is.")
    resolved = modes.with_modes(written.resolved, dataclasses.replace(now, stealth=True))
    return dataclasses.replace(written, notes=(*written.notes, note), resolved=resolved)


def _with_passed(ready: _Ready, passed: Passed) -> Written:
    """What was judged of its words and of the pictures that it is drawn from, written down."""
    resolved = seen.with_passed(ready.written.resolved, passed, ready.made_from)
    return dataclasses.replace(ready.written, resolved=resolved)


def _ready(written: Written, plan: Plan, made_from: tuple[JobRow, ...]) -> _Ready:
    return _Ready(
        made_from=made_from,
        written=written,
        price=plan.price(written.job, written.model),
        usual=plan.of_price(pricing.usual(written.model)),
    )


def _quote(ready: Sequence[_Ready], available: int) -> Quote:
    notes = dict.fromkeys(note for each in ready for note in each.written.notes)
    return Quote(
        price=sum(each.price for each in ready),
        available=available,
        notes=tuple(notes),
        usual=sum(each.usual for each in ready),
    )


def _refuse_other_price(now: int, agreed: int, text: str) -> None:
    """NotConfirmed where the price is not what the member agreed to; both in 1/100 credit."""
    if now != agreed:
        raise NotConfirmed(
            Sentence(
                "The price is {now} by now, not {before}; send the command again to see it. "
                "Nothing was charged.",
                now=credits_text(now),
                before=credits_text(agreed),
            ),
            command=text,
        )


async def _where_shown(orders: Sequence[Order], written: Sequence[Written]) -> Sequence[Order]:
    """The orders with the channel and language that their jobs are shown in.

    Of several all are hidden, or none is.
    """
    hidden_channel = orders[0].hidden_channel
    if hidden_channel is None or not any(modes.stored(each.resolved).stealth for each in written):
        return orders
    channel_id = await hidden_channel()
    return [
        dataclasses.replace(order, channel_id=channel_id, channel_locale=order.locale)
        for order in orders
    ]


def _new_job(
    order: Order, written: Written, hashes: dict[bytes, str], batch: Batch | None
) -> NewJob:
    request, job = order.request, written.job
    return NewJob(
        id=job.id,
        guild_id=order.guild_id,
        channel_id=order.channel_id,
        user_id=order.user_id,
        kind=request.kind,
        title=locale.translated(request.title, order.channel_locale),
        prompt=request.text,
        parent_id=request.parent_id,
        resolved=json.dumps(dict(written.resolved), ensure_ascii=False),
        locale=order.channel_locale,
        member_locale=order.locale,
        stored_version=codec.VERSION,
        stored=codec.dump(job, hashes.__getitem__),
        notes="\n".join(locale.translated(n, order.channel_locale) for n in written.notes),
        input_hashes=tuple(hashes[data] for data in codec.pictures(job)),
        batch_id=batch.id if batch else None,
    )


@contextlib.contextmanager
def _giving_back(text: str) -> Iterator[None]:
    """Let refusals carry the member's text."""
    try:
        yield
    except UserError as refusal:
        refusal.command = refusal.command or text
        raise


def _random_id() -> str:
    number = secrets.randbits(_ID_BYTES * 8)
    return "".join(_ID_ALPHABET[(number >> shift) & 31] for shift in range(0, _ID_BYTES * 8, 5))

"""The database, as SQLAlchemy Core metadata. What must hold is held here: keys, CHECKs, triggers.

Amounts are integers in 1/100 credit. Times are integers in milliseconds since 1970, UTC. Discord's
ids are 64-bit integers. `guild_id` 0 stands for direct messages.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts only INTEGER primary keys up by itself."""

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    comment="Small things the process remembers, such as the hash of the synced commands.",
)

guilds = Table(
    "guilds",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("allotment", BigInteger, nullable=False),
    CheckConstraint("allotment >= 0", name="allotment_not_negative"),
    comment="What the owner lets the managers of each guild still grant.",
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("refilled_month", Integer, nullable=False, server_default="0"),
    Column("refilled", BigInteger, nullable=False, server_default="0"),
    Column("trial_due_ms", BigInteger, nullable=True),
    Column("allotted", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("guild_id", "user_id"),
    comment="refilled: what the monthly purse got in that month, such as 202611. allotted: what "
    "managers gave and did not take back.",
)

purses = Table(
    "purses",
    metadata,
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("available", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "kind"),
    CheckConstraint("available >= 0", name="available_not_negative"),
    CheckConstraint("kind IN ('monthly', 'trial', 'granted')", name="kind_known"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("locale", String(16), nullable=False),
    Column("delivery", String(16), nullable=False, server_default="none"),
    Column("message_id", BigInteger, nullable=True),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("delivery IN ('none', 'pending', 'posted', 'kept')", name="delivery_known"),
    comment="Jobs that were ordered together, and the message that shows them all.",
)
Index(
    "ix_batches_unsettled",
    batches.c.created_ms,
    sqlite_where=text("delivery IN ('none', 'pending')"),
    postgresql_where=text("delivery IN ('none', 'pending')"),
)
Index("ix_batches_message_id", batches.c.message_id)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("parent_id", ForeignKey("jobs.id"), nullable=True),
    Column("outcome", String(16), nullable=False, server_default="open"),
    Column("delivery", String(16), nullable=False, server_default="none"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("stored_version", Integer, nullable=False),
    Column("stored", Text, nullable=False),
    Column("notes", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=True),
    Column("resolved", Text, nullable=False, server_default="{}"),
    Column("locale", String(16), nullable=False, server_default="en"),
    Column("member_locale", String(16), nullable=False, server_default="en"),
    Column("batch_id", ForeignKey("batches.id"), nullable=True),
    Column("gpu_ms", BigInteger, nullable=True),
    CheckConstraint("outcome IN ('open', 'finished', 'failed', 'cancelled')", name="outcome_known"),
    CheckConstraint("delivery IN ('none', 'pending', 'posted', 'kept')", name="delivery_known"),
    CheckConstraint(
        "(outcome = 'open') = (delivery = 'none')", name="delivery_begins_with_the_outcome"
    ),
    CheckConstraint("(outcome = 'open') = (ended_ms IS NULL)", name="ended_with_the_outcome"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
)
# The indexes hold what is asked of very many jobs, whose long texts would else be read too. Where
# SQLite finds all that a statement asks for in one index, it prefers that to a far shorter one.
Index(
    "ix_jobs_unsettled",
    *(jobs.c[name] for name in ("created_ms", "user_id", "outcome", "id")),
    sqlite_where=text("outcome = 'open' OR delivery = 'pending'"),
    postgresql_where=text("outcome = 'open' OR delivery = 'pending'"),
)
Index(
    "ix_jobs_batch_id",
    jobs.c.batch_id,
    sqlite_where=text("batch_id IS NOT NULL"),
    postgresql_where=text("batch_id IS NOT NULL"),
)
Index(
    "ix_jobs_guild",
    *(jobs.c[name] for name in ("guild_id", "created_ms", "user_id", "outcome", "gpu_ms", "id")),
)
Index("ix_jobs_member", *(jobs.c[name] for name in ("user_id", "guild_id", "created_ms", "id")))
Index(
    "ix_jobs_member_anywhere",
    *(jobs.c[name] for name in ("user_id", "created_ms", "outcome", "delivery")),
)
Index("ix_jobs_member_channel", jobs.c.user_id, jobs.c.channel_id, jobs.c.created_ms)

holds = Table(
    "holds",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, server_default="open"),
    Column("settled", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("amount >= 0", name="amount_not_negative"),
    CheckConstraint("state IN ('open', 'settled', 'released')", name="state_known"),
    CheckConstraint("settled >= 0 AND settled <= amount", name="settled_within_amount"),
    CheckConstraint("state = 'settled' OR settled = 0", name="only_settled_holds_cost"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("purse", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=True),
    Column("actor_id", BigInteger, nullable=True),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("amount <> 0", name="amount_not_zero"),
    CheckConstraint(
        "kind IN ('trial', 'grant', 'revoke', 'hold', 'return', 'refund', 'monthly', 'expire', "
        "'give', 'receive', 'redeem')",
        name="kind_known",
    ),
    CheckConstraint(
        "(kind IN ('hold', 'return', 'refund')) = (job_id IS NOT NULL)", name="job_with_its_hold"
    ),
    CheckConstraint(
        "(kind IN ('hold', 'revoke', 'expire', 'give')) = (amount < 0)", name="sign_of_its_kind"
    ),
    UniqueConstraint("job_id", "kind", "purse"),
    comment="Append-only; a purse is the sum of its entries.",
)
Index("ix_entries_statement", entries.c.account_id, entries.c.id)
Index(
    "uq_entries_one_trial",
    entries.c.account_id,
    unique=True,
    sqlite_where=text("kind = 'trial'"),
    postgresql_where=text("kind = 'trial'"),
)

gift_codes = Table(
    "gift_codes",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("by_owner", Boolean, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("role_id", BigInteger, nullable=True),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("uses_left >= 0", name="uses_not_negative"),
    UniqueConstraint("sha256"),
    comment="Known by their hash alone. What is left of one that no owner made is still allotted. "
    "role_id: it is no code, but a grant to whoever has the role.",
)
Index("ix_gift_codes_guild_id", gift_codes.c.guild_id)

redemptions = Table(
    "redemptions",
    metadata,
    Column("code_id", ForeignKey("gift_codes.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("code_id", "account_id"),
    comment="Who redeemed which gift code, or took which grant to a role; each member once.",
)

plans = Table(
    "plans",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("folded", String(64), nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("changed_ms", BigInteger, nullable=False),
    Column("changed_by", BigInteger, nullable=False),
    Column("monthly", BigInteger, nullable=False),
    Column("running", Integer, nullable=True),
    Column("queued", Integer, nullable=True),
    Column("batch", Integer, nullable=True),
    Column("fast", Boolean, nullable=False),
    Column("relax", Boolean, nullable=False),
    Column("turbo", Boolean, nullable=False),
    Column("relax_free", Boolean, nullable=False),
    Column("models", Text, nullable=False),
    Column("price_percent", Integer, nullable=False),
    Column("side_px", Integer, nullable=True),
    Column("steps", Integer, nullable=True),
    UniqueConstraint("guild_id", "folded"),
    CheckConstraint("monthly >= 0", name="monthly_not_negative"),
    CheckConstraint("price_percent > 0", name="price_positive"),
    comment="What members with a role may do and get; see plan_roles. NULL: no limit of its own.",
)

plan_roles = Table(
    "plan_roles",
    metadata,
    Column("guild_id", BigInteger, nullable=False),
    Column("role_id", BigInteger, nullable=False),
    Column("plan_id", ForeignKey("plans.id"), nullable=False),
    PrimaryKeyConstraint("guild_id", "role_id"),
    comment="The plan of each role; the role of everybody has its server's id.",
)

quotas = Table(
    "quotas",
    metadata,
    Column("guild_id", BigInteger, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("is_role", Boolean, nullable=False),
    Column("period", String(8), nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("guild_id", "subject_id", "period"),
    CheckConstraint("amount >= 0", name="amount_not_negative"),
    CheckConstraint("period IN ('day', 'month')", name="period_known"),
    comment="How much a member, or each member with a role, may spend in a period.",
)

images = Table(
    "images",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("blurred", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("job_id", "position"),
    CheckConstraint("position >= 1", name="position_from_one"),
    CheckConstraint("seed >= 0 AND seed < 4294967296", name="seed_of_32_bits"),
)

Index("ix_images_sha256", images.c.sha256)

inputs = Table(
    "inputs",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    PrimaryKeyConstraint("job_id", "position"),
    CheckConstraint("position >= 1", name="position_from_one"),
    comment="Pictures a job starts from, stored before the job is.",
)

Index("ix_inputs_sha256", inputs.c.sha256)

texts = Table(
    "texts",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("weight", Float, nullable=False),
    PrimaryKeyConstraint("job_id", "position"),
    CheckConstraint("position >= 1", name="position_from_one"),
    comment="What a job said: suggested prompts, or words with their weights.",
)

films = Table(
    "films",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("sha256", String(64), nullable=False),
    comment="The animated picture of a job that kept the frames of its making.",
)
Index("ix_films_sha256", films.c.sha256)

picture_hashes = Table(
    "picture_hashes",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("position", Integer, nullable=True),
    Column("band_1", Integer, nullable=True),
    Column("band_2", Integer, nullable=True),
    Column("band_3", Integer, nullable=True),
    Column("band_4", Integer, nullable=True),
    Column("colours", LargeBinary(192), nullable=True),
    PrimaryKeyConstraint("job_id", "sha256"),
    CheckConstraint("position IS NULL OR position >= 1", name="position_from_one"),
    comment="Files that were made here, stored or posted, and how they look.",
)
Index("ix_picture_hashes_sha256", picture_hashes.c.sha256)
for _band in range(1, 5):  # a look is found by any of the four
    Index(f"ix_picture_hashes_band_{_band}", picture_hashes.c[f"band_{_band}"])

messages = Table(
    "messages",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("position", Integer, nullable=True),
    CheckConstraint(
        "role IN ('progress', 'grid', 'single', 'film', 'text', 'refusal')", name="role_known"
    ),
    CheckConstraint("position IS NULL OR position >= 1", name="position_from_one"),
    comment="Which job every message of ours shows, and which picture if it is one.",
)
Index("ix_messages_job_id", messages.c.job_id)

favourites = Table(
    "favourites",
    metadata,
    Column("user_id", BigInteger, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "job_id", "position"),
    CheckConstraint("position >= 0", name="position_not_negative"),
    comment="What members marked: one picture of a job, or 0 for all of them.",
)
Index("ix_favourites_member", favourites.c.user_id, favourites.c.created_ms)

preferences = Table(
    "preferences",
    metadata,
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("guild_id", "user_id", "name"),
    comment="What members set; user_id 0 is what a server's managers set for all of it.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    comment="Append-only: what who manages a server did, each line in the action's transaction.",
)
Index("ix_audit_guild_id_id", audit.c.guild_id, audit.c.id)

word_rules = Table(
    "word_rules",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("phrase", Text, nullable=False),
    Column("level", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("guild_id", "key"),
    CheckConstraint("level IN ('block', 'warn', 'spoiler', 'allow')", name="level_known"),
    comment="Phrases that a server's managers added to the starter list.",
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("channel_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("level", String(16), nullable=False),
    Column("category", String(16), nullable=False),
    Column("phrase", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("prompt_sha256", String(64), nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=True),
    Column("locale", String(16), nullable=False),
    Column("appeal", String(16), nullable=False, server_default="none"),
    Column("decided_by", BigInteger, nullable=True),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('words', 'result', 'upload')", name="kind_known"),
    CheckConstraint("appeal IN ('none', 'pending', 'approved', 'denied')", name="appeal_known"),
    comment="What the rules found in members' texts and pictures, and what became of appeals.",
)
Index("ix_verdicts_member", verdicts.c.user_id, verdicts.c.guild_id, verdicts.c.created_ms)

standings = Table(
    "standings",
    metadata,
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("blocked_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("blocked_by", BigInteger, nullable=True),
    Column("reason", Text, nullable=False, server_default=""),
    Column("strikes_from_ms", BigInteger, nullable=False, server_default="0"),
    Column("rules_sha256", String(64), nullable=False, server_default=""),
    PrimaryKeyConstraint("guild_id", "user_id"),
    comment="Who may not order for now and why, and which rules a member has accepted.",
)

_RULES: dict[str, tuple[str, str, str]] = {
    # name: (table and moment, condition on NEW and OLD, the sentence)
    "entries_are_never_changed": ("UPDATE ON entries", "", "entries are append-only"),
    "entries_are_never_deleted": ("DELETE ON entries", "", "entries are append-only"),
    "audit_is_never_changed": ("UPDATE ON audit", "", "the audit is append-only"),
    "audit_is_never_deleted": ("DELETE ON audit", "", "the audit is append-only"),
    "holds_close_once": (
        "UPDATE ON holds",
        "OLD.state <> 'open' OR NEW.amount <> OLD.amount OR NEW.account_id <> OLD.account_id",
        "a hold closes once and keeps its amount",
    ),
    "holds_are_never_deleted": ("DELETE ON holds", "", "holds are never deleted"),
    "jobs_end_once": (
        "UPDATE ON jobs",
        "OLD.outcome <> 'open' AND NEW.outcome <> OLD.outcome",
        "a job ends once",
    ),
    "jobs_end_with_their_hold": (
        "UPDATE ON jobs",
        (
            "OLD.outcome = 'open' AND NEW.outcome <> 'open' AND NOT EXISTS ("
            "SELECT 1 FROM holds WHERE holds.job_id = NEW.id AND holds.state = "
            "CASE NEW.outcome WHEN 'finished' THEN 'settled' ELSE 'released' END)"
        ),
        "a job and its hold end together",
    ),
    "deliveries_end_once": (
        "UPDATE ON jobs",
        "OLD.delivery IN ('posted', 'kept') AND NEW.delivery NOT IN ('posted', 'kept')",
        "a delivered job is not delivered again",
    ),
    "batches_end_once": (
        "UPDATE ON batches",
        "OLD.delivery IN ('posted', 'kept') AND NEW.delivery NOT IN ('posted', 'kept')",
        "a batch ends once",
    ),
}


def rules(dialect: str) -> list[str]:
    """The triggers of `_RULES` as statements of `dialect` ("sqlite" or "postgresql")."""
    statements = []
    for name, (moment, condition, sentence) in _RULES.items():
        if dialect == "sqlite":
            when = f"WHEN {condition} " if condition else ""
            statements.append(
                f"CREATE TRIGGER {name} BEFORE {moment} FOR EACH ROW {when}"
                f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
            )
        else:
            guard = f"IF {condition} THEN RAISE EXCEPTION '{sentence}'; END IF;"
            body = guard if condition else f"RAISE EXCEPTION '{sentence}';"
            row = "OLD" if moment.startswith("DELETE") else "NEW"
            statements.append(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$rule$ BEGIN {body} RETURN {row}; END $rule$"
            )
            statements.append(
                f"CREATE TRIGGER {name} BEFORE {moment} FOR EACH ROW EXECUTE FUNCTION {name}()"
            )
    return statements


for _dialect in ("sqlite", "postgresql"):
    for _statement in rules(_dialect):
        event.listen(
            metadata,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )

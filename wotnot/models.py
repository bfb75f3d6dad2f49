"""Tables, constraints and enums; no behaviour.

Contents
    1. Column helpers
    2. Enums
    3. Accounts: Workspace, User, UserSession, TwoFactor, RecoveryCode, Member, Invitation, ApiKey, SimulatedMessage, RevokedToken, IdempotencyKey
    4. Channels and templates: Channel, ChannelEvent, SignUp, Template, TemplateVersion, TemplateEvent, MediaFile, MediaUpload
    5. People: Contact, Tag, ContactTag, ConsentEvent, ContactImport, ImportRow, ContactTally,
       ContactMerge, IdentityChange, Segment
    6. Sending: Broadcast, Message, MessageTally
    7. Talking: Conversation, ConversationEvent, MessageText, CannedReply, WebhookEvent, InboundMedia
    8. Answering by itself: ConsentSetting, BusinessHours, Automation, AutomationRun
    9. Writing with AI: AiSetting, AiCall, AiConversation, AiTurn
   10. Cost: CostSetting, RateCard, MessageCost, CostTally, BudgetAlert, Purchase
   11. Reporting: ReportTally, FirstAnswer, AnswerTally, Recount, Export
   12. Shops: Shop, ShopInvite, ShopDelivery, ShopOrder, ShopRule, ShopMessage, Promotion,
       PromotionDate, CustomerImport

Every tenant table has `workspace_id`, first in its composite indexes. Times are aware and end in `_at`; enums are short
text with a CHECK. The five `*_tallies` tables are append-only deltas written by statement triggers (see the first
migration), so a count is always a sum and never a lock; `services/tallies.py` reads and compacts them.
"""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any

from flask_login import UserMixin
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    Time,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wotnot.extensions import Base

# ---------------------------------------------------------------- 1. Column helpers

BigId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Json = Annotated[dict[str, Any], mapped_column(JSONB, server_default=text("'{}'::jsonb"))]
WorkspaceId = Annotated[int, mapped_column(BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE"))]
Short = Annotated[str, mapped_column(String(40))]
Name = Annotated[str, mapped_column(String(200))]
Count = Annotated[int, mapped_column(server_default=text("0"))]
Flag = Annotated[bool, mapped_column(server_default=text("false"))]


def _enum(kind: type[StrEnum], name: str) -> Enum:
    """A StrEnum stored as its value, with a CHECK that lists the values."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


# ---------------------------------------------------------------- 2. Enums


class Role(StrEnum):
    """What a member may do: owners everything, admins everything but ownership, agents talk and look."""

    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"


class ChannelState(StrEnum):
    """Whether a number can send: connected, stopped by Meta or a bad token, or removed by its owner."""

    CONNECTED = "connected"
    STOPPED = "stopped"
    REMOVED = "removed"


class TemplateStatus(StrEnum):
    """Meta's review states, in lower case; only `approved` can be sent."""

    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"
    IN_APPEAL = "in_appeal"
    PENDING_DELETION = "pending_deletion"
    DELETED = "deleted"
    LIMIT_EXCEEDED = "limit_exceeded"
    ARCHIVED = "archived"


class TemplateCategory(StrEnum):
    """Meta's three categories; they decide the price."""

    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"


class TemplateOrigin(StrEnum):
    """How a template came to its words: submitted or edited here, or found at Meta, where somebody wrote them."""

    SUBMITTED = "submitted"
    EDITED = "edited"
    META = "meta"


class TemplateFact(StrEnum):
    """What about a template changed."""

    WORDS = "words"
    STATUS = "status"
    CATEGORY = "category"
    QUALITY = "quality"


class ChannelFact(StrEnum):
    """What about a number changed; a notice is something that Meta says of its account."""

    QUALITY = "quality"
    LIMIT = "limit"
    THROUGHPUT = "throughput"
    NAME = "name"
    NAME_STATUS = "name_status"
    STATE = "state"
    NOTICE = "notice"


class ToldBy(StrEnum):
    """How a change of a number became known: Meta said so by itself, was asked, refused a message, or a person made it."""

    WEBHOOK = "webhook"
    REFRESH = "refresh"
    SENDING = "sending"
    PERSON = "person"


class MediaKind(StrEnum):
    """What a file is to WhatsApp; decides which types and sizes it may have."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"


class MediaOrigin(StrEnum):
    """Where a file came from: put into the library by a member, or sent to us by a person."""

    LIBRARY = "library"
    INBOUND = "inbound"


class InboundMediaState(StrEnum):
    """A file that a person sent: still at Meta and to be fetched, kept here, or lost for the reason given."""

    WAITING = "waiting"
    KEPT = "kept"
    GONE = "gone"


class AiProvider(StrEnum):
    """Who writes: Google's Gemini, OpenRouter, or any server that speaks OpenAI's protocol."""

    GEMINI = "gemini"
    OPENROUTER = "openrouter"
    CUSTOM = "custom"


class AiTurnState(StrEnum):
    """Where an answer of the assistant stands. Only `done` is whole; what is there of the others is shown as what it is."""

    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Consent(StrEnum):
    """What a contact said about marketing. Only `opted_out` forbids."""

    UNKNOWN = "unknown"
    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"


class ImportState(StrEnum):
    """`uploaded` waits for a mapping, `checking`/`checked` is the dry run, `queued`/`running` the real one."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class OnDuplicate(StrEnum):
    """What an import does with a person who is already a contact."""

    SKIP = "skip"
    FILL = "fill"
    OVERWRITE = "overwrite"


class RowVerdict(StrEnum):
    """Why a row of a file was not taken as a new or changed contact."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"


class BroadcastState(StrEnum):
    """`draft → scheduled → expanding → sending ⇄ paused → finished`, or `cancelled | failed`."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    EXPANDING = "expanding"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Direction(StrEnum):
    """From us to them (`out`) or from them to us (`in`)."""

    OUT = "out"
    IN = "in"


class MessageState(StrEnum):
    """Forward only: `queued → sending → accepted → sent → delivered → read`, or one of the four endings.

    `received` is the one state of an inbound message.
    """

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    RECEIVED = "received"


class ConversationState(StrEnum):
    """`open` while the 24-hour window is, `expired` after it, `closed` by a member."""

    OPEN = "open"
    EXPIRED = "expired"
    CLOSED = "closed"


class EventKind(StrEnum):
    """What happened in a conversation beside its messages; `note` is a member's private word."""

    NOTE = "note"
    ASSIGNED = "assigned"
    CLOSED = "closed"
    REOPENED = "reopened"
    DISCARDED = "discarded"
    RETRIED = "retried"


class AutomationKind(StrEnum):
    """When a rule answers: a person's first message ever, any outside business hours, or one with certain words."""

    GREETING = "greeting"
    AWAY = "away"
    KEYWORD = "keyword"


class KeywordMatch(StrEnum):
    """How the words of a keyword rule are looked for in a message."""

    EXACT = "exact"
    CONTAINS = "contains"
    STARTS = "starts"
    PATTERN = "pattern"


class WebhookState(StrEnum):
    """A raw delivery: waiting, understood, or kept aside with its error."""

    PENDING = "pending"
    DONE = "done"
    POISON = "poison"


class ExportKind(StrEnum):
    """What a file lists: the people of a broadcast, contacts, single messages of all kinds, or costs by day."""

    BROADCAST = "broadcast"
    CONTACTS = "contacts"
    MESSAGES = "messages"
    COSTS = "costs"


class ExportFormat(StrEnum):
    """How the file is written."""

    CSV = "csv"
    XLSX = "xlsx"


class ExportState(StrEnum):
    """Waiting for its turn, being written, ready to download, or stopped for a reason."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ShopState(StrEnum):
    """A shop whose orders are heard, one that its owner switched off, or one that was removed."""

    CONNECTED = "connected"
    OFF = "off"
    REMOVED = "removed"


class ShopMessageState(StrEnum):
    """A message about an order: it waits for its time, is in the ledger, or was left out for the reason given."""

    WAITING = "waiting"
    WRITTEN = "written"
    LEFT_OUT = "left_out"


class CustomerImportState(StrEnum):
    """Customers of a shop who become contacts: being read, all read, given up for the reason said, or stopped by somebody."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class PromotionState(StrEnum):
    """A product that is written about on chosen days: it goes on, is paused, or is over."""

    ON = "on"
    PAUSED = "paused"
    ENDED = "ended"


class PurchaseKind(StrEnum):
    """What was paid: credit in advance, or a bill afterwards."""

    TOP_UP = "top_up"
    INVOICE = "invoice"


# ---------------------------------------------------------------- 3. Accounts


class Workspace(Base):
    """The tenant. Everything but users belongs to exactly one."""

    __tablename__ = "workspaces"

    id: Mapped[BigId]
    name: Mapped[Name]
    default_country: Mapped[str] = mapped_column(String(2), server_default="US")
    timezone: Mapped[str] = mapped_column(String(64), server_default="UTC")
    is_demo: Mapped[Flag]
    auto_assign: Mapped[Flag]
    requires_two_factor: Mapped[Flag]
    hides_first_steps: Mapped[Flag]
    created_at: Mapped[Created]


class User(UserMixin, Base):
    """A log-in. `session_epoch` goes up when every session and token of the user must end.

    With `two_factor_at` the password alone does not let anybody in.
    """

    __tablename__ = "users"

    id: Mapped[BigId]
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[Name]
    password_hash: Mapped[str] = mapped_column(String(100))
    is_platform_admin: Mapped[Flag]
    session_epoch: Mapped[Count]
    two_factor_at: Mapped[Moment | None]
    picture_key: Mapped[str | None] = mapped_column(String(40))
    picture_type: Mapped[str] = mapped_column(String(20), server_default="")
    created_at: Mapped[Created]

    def get_id(self) -> str:
        """What a session remembers: the epoch is part of it, so raising the epoch ends the session."""
        return f"{self.id}.{self.session_epoch}"

    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)


class UserSession(Base):
    """A browser that is signed in; `key` is in its cookie, and without the row the cookie is worth nothing.

    Or a program that logged in over the API: then `key` is in its tokens, the last of which ends at `ends_at`. They are worth
    nothing once the key is among the `revoked_tokens`.
    """

    __tablename__ = "user_sessions"

    id: Mapped[BigId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    user_agent: Mapped[str] = mapped_column(String(400), server_default="")
    address: Mapped[str] = mapped_column(String(45), server_default="")
    created_at: Mapped[Created]
    last_seen_at: Mapped[Created] = mapped_column(index=True)
    ends_at: Mapped[Moment | None]


class TwoFactor(Base):
    """The secret that a person's phone makes codes from, encrypted. It counts once `users.two_factor_at` is set.

    `last_step` is the half minute of the last code that was taken: no code is taken twice.
    """

    __tablename__ = "two_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    secret_encrypted: Mapped[str] = mapped_column(Text)
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[Created]


class RecoveryCode(Base):
    """A code that lets a person in once without their phone. Only its SHA-256 is stored: it has 80 random bits."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[Moment | None]


class Member(Base):
    """A user in a workspace, with a role. `assigned_at` is when a conversation was last handed to them by turns."""

    __tablename__ = "members"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[Role] = mapped_column(_enum(Role, "role"))
    assigned_at: Mapped[Moment | None]
    created_at: Mapped[Created]

    user: Mapped[User] = relationship()
    workspace: Mapped[Workspace] = relationship()

    __table_args__ = (UniqueConstraint("workspace_id", "user_id"),)


class Invitation(Base):
    """Somebody who was invited and has not come yet; the row goes when they come. Only the link with its `nonce` counts."""

    __tablename__ = "invitations"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[Role] = mapped_column(_enum(Role, "role"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    nonce: Mapped[str] = mapped_column(String(40))
    sent_at: Mapped[Created]

    user: Mapped[User | None] = relationship()

    __table_args__ = (
        Index("uq_invitations_workspace_id_email_lower", "workspace_id", text("lower(email)"), unique=True),
    )


class ApiKey(Base):
    """A key for programs. Only its SHA-256 is stored; `prefix` lets a person recognise it.

    Without `scopes` it may do whatever its maker may. What a test key sends is simulated.
    """

    __tablename__ = "api_keys"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[Name]
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    is_test: Mapped[Flag]
    created_at: Mapped[Created]
    expires_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]

    user: Mapped[User] = relationship()

    __table_args__ = (Index("ix_api_keys_workspace_id_id", "workspace_id", "id"),)


class SimulatedMessage(Base):
    """What a test key sent. Not in the ledger, so that nothing counts it, prices it or sends it.

    The moments are planned when it is written, in order; its state is the last of them that has passed.
    """

    __tablename__ = "simulated_messages"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    api_key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id", ondelete="SET NULL"))
    phone: Mapped[str] = mapped_column(String(20))
    type: Mapped[str] = mapped_column(String(20))
    content: Mapped[Json]
    error_code: Mapped[int | None]
    created_at: Mapped[Created]
    accepted_at: Mapped[Moment]
    sent_at: Mapped[Moment | None]
    delivered_at: Mapped[Moment | None]
    read_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]

    api_key: Mapped[ApiKey] = relationship()

    __table_args__ = (
        Index("ix_simulated_messages_workspace_id_id", "workspace_id", "id"),
        Index("ix_simulated_messages_created_at", "created_at"),
    )


class RevokedToken(Base):
    """A JWT that was logged out before it expired; swept once it has expired anyway."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(40), primary_key=True)
    expires_at: Mapped[Moment] = mapped_column(index=True)


class IdempotencyKey(Base):
    """The first answer to a request that may be repeated; the row is the lock."""

    __tablename__ = "idempotency_keys"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    operation: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[Created] = mapped_column(index=True)


# ---------------------------------------------------------------- 4. Channels and templates


class Channel(Base):
    """One connected WhatsApp number. The token is encrypted; a number belongs to one workspace at a time.

    `billing_currency` is that of its account at Meta; empty while it is not known.
    """

    __tablename__ = "channels"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    waba_id: Mapped[Short]
    phone_number_id: Mapped[Short]
    token_encrypted: Mapped[str] = mapped_column(Text)
    display_phone_number: Mapped[Short]
    verified_name: Mapped[Name]
    quality_rating: Mapped[str] = mapped_column(String(20), server_default="UNKNOWN")
    messaging_limit: Mapped[str] = mapped_column(String(30), server_default="")
    throughput: Mapped[str] = mapped_column(String(20), server_default="")
    name_status: Mapped[str] = mapped_column(String(30), server_default="")
    billing_currency: Mapped[str] = mapped_column(String(3), server_default="")
    rate_per_second: Mapped[int] = mapped_column(server_default=text("20"))
    state: Mapped[ChannelState] = mapped_column(_enum(ChannelState, "state"), server_default="connected")
    state_reason: Mapped[str] = mapped_column(Text, server_default="")
    checked_at: Mapped[Moment | None]
    created_at: Mapped[Created]

    __table_args__ = (
        CheckConstraint("rate_per_second BETWEEN 1 AND 1000", name="rate"),
        Index(
            "uq_channels_phone_number_id", "phone_number_id", unique=True, postgresql_where=text("state <> 'removed'")
        ),
        Index("ix_channels_workspace_id_waba_id", "workspace_id", "waba_id"),
    )


class ChannelEvent(Base):
    """One change of a number, in Meta's words: what it was `before` and is `after`; a notice only has an `after`.

    `told_at` is when Meta says it happened, or when it was asked.
    """

    __tablename__ = "channel_events"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    fact: Mapped[ChannelFact] = mapped_column(_enum(ChannelFact, "fact"))
    before: Mapped[str] = mapped_column(String(200), server_default="")
    after: Mapped[Name]
    reason: Mapped[str] = mapped_column(Text, server_default="")
    told_by: Mapped[ToldBy] = mapped_column(_enum(ToldBy, "told_by"))
    told_at: Mapped[Moment]
    created_at: Mapped[Created]

    __table_args__ = (
        Index("ix_channel_events_channel_id_id", "channel_id", "id"),
        Index("ix_channel_events_workspace_id_id", "workspace_id", "id"),
        # Meta delivers the same thing more than once.
        Index(
            "uq_channel_events_told",
            "channel_id",
            "fact",
            "told_at",
            "after",
            unique=True,
            postgresql_where=text("told_by = 'webhook'"),
        ),
    )


class SignUp(Base):
    """A number on its way from Meta's sign-up window to a channel: what is known so far, and the step that failed.

    `failed_step` is the one being done while `claimed_until` lies ahead, and empty when all are through; `pin` is the
    two-step PIN that the number is registered with. Both secrets are encrypted. `choices` are the free numbers where there
    are several: waba_id, phone_number_id, phone, name. Forgotten after a week.
    """

    __tablename__ = "sign_ups"
    __table_args__ = (UniqueConstraint("workspace_id", "code_hash"),)

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    code_hash: Mapped[str | None] = mapped_column(String(64))
    claimed_until: Mapped[Moment | None]
    token_encrypted: Mapped[str] = mapped_column(Text)
    expires_in: Mapped[Count]
    waba_id: Mapped[str] = mapped_column(String(40), server_default="")
    phone_number_id: Mapped[str] = mapped_column(String(40), server_default="")
    pin_encrypted: Mapped[str] = mapped_column(Text, server_default="")
    failed_step: Mapped[str] = mapped_column(String(20), server_default="")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    choices: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id", ondelete="SET NULL"))
    created_at: Mapped[Created] = mapped_column(index=True)


class Template(Base):
    """A WhatsApp message template in one language, as Meta knows it. Deleting is soft (`deleted_at`).

    The templates of one workspace, account and name are a family: the same message in several languages. `version` is the
    number of the TemplateVersion whose words these are.
    """

    __tablename__ = "templates"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    waba_id: Mapped[Short]
    meta_id: Mapped[str | None] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(512))
    language: Mapped[str] = mapped_column(String(10))
    category: Mapped[TemplateCategory] = mapped_column(_enum(TemplateCategory, "category"))
    status: Mapped[TemplateStatus] = mapped_column(_enum(TemplateStatus, "status"), server_default="draft")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    quality: Mapped[str] = mapped_column(String(20), server_default="UNKNOWN")
    parameter_format: Mapped[str] = mapped_column(String(12), server_default="POSITIONAL")
    components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    version: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    synced_at: Mapped[Moment | None]
    deleted_at: Mapped[Moment | None]

    __table_args__ = (
        Index(
            "uq_templates_workspace_id_waba_id_name_language",
            "workspace_id",
            "waba_id",
            "name",
            "language",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        # The list, newest first.
        Index("ix_templates_workspace_id_id", "workspace_id", "id"),
    )


class TemplateVersion(Base):
    """The words that a template has or had. Never changed once another one followed; messages name theirs.

    `was_approved`: an approved template was edited, which Meta allows only so often.
    """

    __tablename__ = "template_versions"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    template_id: Mapped[int] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(SmallInteger)
    category: Mapped[TemplateCategory] = mapped_column(_enum(TemplateCategory, "category"))
    parameter_format: Mapped[str] = mapped_column(String(12))
    components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    origin: Mapped[TemplateOrigin] = mapped_column(_enum(TemplateOrigin, "origin"))
    was_approved: Mapped[Flag]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("template_id", "number"),)


class TemplateEvent(Base):
    """One change of a template: what it was `before` and is `after`, as words or, for its words, as version numbers."""

    __tablename__ = "template_events"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    template_id: Mapped[int] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"))
    fact: Mapped[TemplateFact] = mapped_column(_enum(TemplateFact, "fact"))
    before: Mapped[str] = mapped_column(String(20), server_default="")
    after: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, server_default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Created]

    __table_args__ = (
        Index("ix_template_events_template_id_id", "template_id", "id"),
        # What Meta moved to another category lately, for the notice above the list.
        Index("ix_template_events_category", "workspace_id", "created_at", postgresql_where=text("fact = 'category'")),
    )


class MediaFile(Base):
    """A picture, video, recording, document or sticker of a workspace. The bytes lie in the storage under `storage_key`."""

    __tablename__ = "media_files"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    origin: Mapped[MediaOrigin] = mapped_column(_enum(MediaOrigin, "origin"), server_default="library")
    kind: Mapped[MediaKind] = mapped_column(_enum(MediaKind, "kind"))
    filename: Mapped[str] = mapped_column(String(255))
    mime_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[Created]
    deleted_at: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_media_files_workspace_id_origin_id", "workspace_id", "origin", "id"),
        # The same content twice is one file, also when both arrive at once; what people send stays apart from the library.
        Index(
            "uq_media_files_workspace_id_origin_sha256",
            "workspace_id",
            "origin",
            "sha256",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_media_files_deleted_at", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )


class MediaUpload(Base):
    """A file at Meta: its id there holds for 30 days and on one number only, so it is made anew when it gets old."""

    __tablename__ = "media_uploads"

    media_file_id: Mapped[int] = mapped_column(ForeignKey("media_files.id", ondelete="CASCADE"), primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[WorkspaceId]
    meta_id: Mapped[str] = mapped_column(String(100))
    uploaded_at: Mapped[Created]


# ---------------------------------------------------------------- 5. People


class Contact(Base):
    """A person. `phone` is E.164 digits without the plus and may be missing when Meta only tells a user id.

    `language` is a code as Meta writes them, such as `en` or `pt_BR`; NULL while it is not known.
    """

    __tablename__ = "contacts"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    phone: Mapped[str | None] = mapped_column(String(20))
    wa_user_id: Mapped[str | None] = mapped_column(String(140))
    name: Mapped[str] = mapped_column(String(200), server_default="")
    email: Mapped[str] = mapped_column(String(254), server_default="")
    language: Mapped[str | None] = mapped_column(String(10))
    attributes: Mapped[Json]
    consent: Mapped[Consent] = mapped_column(_enum(Consent, "consent"), server_default="unknown")
    search_text: Mapped[str] = mapped_column(
        Text, Computed("lower(name || ' ' || coalesce(phone, '') || ' ' || email)", persisted=True), deferred=True
    )
    # When a number or user id that messages may have gone to was last replaced by one that begins with other signs; NULL for nearly
    # all. Set by the trigger `contact_numbers_on_change`, and where messages come to another contact (`contact_merges.py`).
    number_changed_at: Mapped[Moment | None] = mapped_column(deferred=True)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    __table_args__ = (
        CheckConstraint("phone IS NOT NULL OR wa_user_id IS NOT NULL", name="reachable"),
        Index("uq_contacts_workspace_id_phone", "workspace_id", "phone", unique=True),
        Index(
            "uq_contacts_workspace_id_wa_user_id",
            "workspace_id",
            "wa_user_id",
            unique=True,
            postgresql_where=text("wa_user_id IS NOT NULL"),
        ),
        Index("ix_contacts_workspace_id_id", "workspace_id", "id"),
        # Few of all: see `services/recipient_countries.py`.
        Index(
            "ix_contacts_number_changed",
            "workspace_id",
            "number_changed_at",
            postgresql_where=text("number_changed_at IS NOT NULL"),
        ),
        Index(
            "ix_contacts_workspace_id_consent_id",
            "workspace_id",
            "consent",
            "id",
            postgresql_where=text("consent <> 'unknown'"),
        ),
        # Who reads which language, where that is known at all.
        Index(
            "ix_contacts_workspace_id_language",
            "workspace_id",
            "language",
            postgresql_where=text("language IS NOT NULL"),
        ),
        Index(
            "ix_contacts_search_text",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ),
    )


class Tag(Base):
    """A label on contacts; one spelling per workspace, whatever the case."""

    __tablename__ = "tags"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[Created]

    __table_args__ = (Index("uq_tags_workspace_id_name_lower", "workspace_id", text("lower(name)"), unique=True),)


class ContactTag(Base):
    """A tag on a contact."""

    __tablename__ = "contact_tags"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[WorkspaceId]

    __table_args__ = (Index("ix_contact_tags_tag_id_contact_id", "tag_id", "contact_id"),)


class ConsentEvent(Base):
    """One change of consent, with where it came from. Never changed, never deleted before its contact."""

    __tablename__ = "consent_events"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    consent: Mapped[Consent] = mapped_column(_enum(Consent, "consent"))
    source: Mapped[Short]
    note: Mapped[str] = mapped_column(Text, server_default="")
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Created]

    __table_args__ = (
        Index("ix_consent_events_contact_id_id", "contact_id", "id"),
        # Opt-outs by day.
        Index(
            "ix_consent_events_opted_out", "workspace_id", "created_at", postgresql_where=text("consent = 'opted_out'")
        ),
    )


class ContactImport(Base):
    """One uploaded file on its way into the contacts, with its options, progress and counts.

    `next_offset` and `next_row` are the checkpoint: everything before them is committed, so a crash resumes there.
    rows = created + updated + unchanged + duplicates + invalid; the opted-out are left alone and count as unchanged.
    `dialect` is how the file is written, `mapping` is `{"targets": [one a column]}`, `problems` counts refused rows by kind.
    """

    __tablename__ = "contact_imports"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    filename: Mapped[Name]
    storage_key: Mapped[Name]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[ImportState] = mapped_column(_enum(ImportState, "state"), server_default="uploaded")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    dialect: Mapped[Json]
    mapping: Mapped[Json]
    default_country: Mapped[str] = mapped_column(String(2), server_default="US")
    on_duplicate: Mapped[OnDuplicate] = mapped_column(_enum(OnDuplicate, "on_duplicate"), server_default="fill")
    tags: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    is_dry_run: Mapped[Flag]
    next_offset: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    next_row: Mapped[Count]
    row_count: Mapped[Count]
    created_count: Mapped[Count]
    updated_count: Mapped[Count]
    unchanged_count: Mapped[Count]
    duplicate_count: Mapped[Count]
    invalid_count: Mapped[Count]
    opted_out_count: Mapped[Count]
    problems: Mapped[Json]
    created_at: Mapped[Created]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    heartbeat_at: Mapped[Moment | None]

    __table_args__ = (Index("ix_contact_imports_workspace_id_id", "workspace_id", "id"),)


class ImportRow(Base):
    """A row that was not taken, with its number in the spreadsheet, the cell and the reason in words."""

    __tablename__ = "import_rows"

    import_id: Mapped[int] = mapped_column(ForeignKey("contact_imports.id", ondelete="CASCADE"), primary_key=True)
    row_number: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[RowVerdict] = mapped_column(_enum(RowVerdict, "verdict"))
    column_name: Mapped[str] = mapped_column(String(200), server_default="")
    reason: Mapped[str] = mapped_column(Text)
    cells: Mapped[list[str]] = mapped_column(JSONB)

    __table_args__ = (Index("ix_import_rows_import_id_verdict_row_number", "import_id", "verdict", "row_number"),)


class ContactTally(Base):
    """A change of a contact count: `tag_id` 0 counts all contacts, -1 the opted-out, else those with the tag."""

    __tablename__ = "contact_tallies"

    id: Mapped[BigId]
    workspace_id: Mapped[int] = mapped_column(BigInteger)
    tag_id: Mapped[int] = mapped_column(BigInteger)
    delta: Mapped[int] = mapped_column(BigInteger)
    is_fresh: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        Index("ix_contact_tallies_workspace_id_tag_id", "workspace_id", "tag_id"),
        Index("ix_contact_tallies_fresh", "workspace_id", "tag_id", postgresql_where=text("is_fresh")),
    )


class ContactMerge(Base):
    """Two contacts that turned out to be one person: `contact_id` stayed, `gone_id` went; all that undoing it needs.

    `gone` is the row that went, `filled` what the other took from it (with `consent_before`), `conversations` its threads
    (each with `kept_id`, the thread it went into, if there was one). A merge that was undone keeps the two apart.
    """

    __tablename__ = "contact_merges"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    gone_id: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[Short]
    gone: Mapped[Json]
    filled: Mapped[Json]
    conversations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    shifted: Mapped[Json]
    tag_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    added_tag_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    message_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    consent_event_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    conversation_event_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    created_at: Mapped[Created]
    undone_at: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_contact_merges_contact_id_id", "contact_id", "id"),
        Index("ix_contact_merges_created_at", "created_at"),
    )


class IdentityChange(Base):
    """WhatsApp told us that a person has a new number or user id; by its message id, so that it is applied once."""

    __tablename__ = "identity_changes"

    wamid: Mapped[str] = mapped_column(String(200), primary_key=True)
    workspace_id: Mapped[WorkspaceId]
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    kind: Mapped[Short]
    old_value: Mapped[str] = mapped_column(String(140))
    new_value: Mapped[str] = mapped_column(String(140))
    created_at: Mapped[Created]


class Segment(Base):
    """A saved filter over contacts; one spelling of its name per workspace, whatever the case.

    `definition` is what `services/segment_rules.py` makes of what was asked for.
    """

    __tablename__ = "segments"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(String(100))
    definition: Mapped[Json]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    __table_args__ = (
        Index("uq_segments_workspace_id_name_lower", "workspace_id", text("lower(name)"), unique=True),
        Index("ix_segments_workspace_id_id", "workspace_id", "id"),
    )


# ---------------------------------------------------------------- 6. Sending


class Broadcast(Base):
    """One template to many people. Its audience is frozen as Message rows while it is `expanding`.

    `audience` is `{"all": true}` or one of `{"tags": […]}`, `{"contact_ids": […]}`, `{"phones": […]}`, `{"segment_id": 7}`,
    `{"filter": {…}}`; `exclude` is `{"tags": […], "segment_ids": […]}`. Where they name segments or a filter, `frozen` is what
    these said when it started, and on which day (see `services/segment_audience.py`). `variables` maps a template variable to `{"field", "fallback"}` or `{"text"}`. `template_id` is the main
    language; people get a translation in their own unless `one_language` says that everybody gets the main one.
    `leave_out` are kinds of people who get nothing (see `services/audience_risks.py`). A plan that starts more than
    `late_minutes` late, after a standstill, is paused instead: somebody is asked first.
    `expanded_through` is the last contact id whose row is committed, so a crash resumes there; `planned_count` of the rows
    so far wait for their moment. `forecast` is what it was estimated to cost when its list was complete (see
    `services/forecast.py`).
    Pace: whom Meta holds back is tried again daily for `retry_hours`. A list is spread over `spread_minutes` from `spread_from`
    on (`spread_total` people in that time), at most `daily_most` a day. All of it waits until `waits_until` for what
    `waits_for` names: room in the number's limit, or the next day's budget. `watched_settled` and `watched_failed` are the counts at
    which `services/failure_watch.py` looked last. `despite_quality`: somebody said that it goes though Meta rates its number low.
    """

    __tablename__ = "broadcasts"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id", ondelete="SET NULL"))
    template_id: Mapped[int | None] = mapped_column(ForeignKey("templates.id", ondelete="SET NULL"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[Name]
    state: Mapped[BroadcastState] = mapped_column(_enum(BroadcastState, "state"), server_default="draft")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    audience: Mapped[Json]
    exclude: Mapped[Json]
    frozen: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    variables: Mapped[Json]
    one_language: Mapped[Flag]
    leave_out: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    scheduled_at: Mapped[Moment | None]
    late_minutes: Mapped[int] = mapped_column(server_default=text("60"))
    retry_hours: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    sends_in_quiet_hours: Mapped[Flag]
    ignores_cap: Mapped[Flag]
    despite_quality: Mapped[Flag]
    spread_minutes: Mapped[int | None]
    daily_most: Mapped[int | None]
    expanded_through: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    planned_count: Mapped[Count]
    spread_total: Mapped[int | None]
    spread_from: Mapped[Moment | None]
    waits_until: Mapped[Moment | None]
    waits_for: Mapped[str] = mapped_column(String(20), server_default="")
    watched_settled: Mapped[Count]
    watched_failed: Mapped[Count]
    forecast: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]

    channel: Mapped[Channel | None] = relationship()
    template: Mapped[Template | None] = relationship()
    user: Mapped[User | None] = relationship()
    # What the pages of a draft ask again and again is read once, also that there is no row.
    pace: Mapped["PaceSetting | None"] = relationship(
        primaryjoin="foreign(Broadcast.workspace_id) == PaceSetting.workspace_id", viewonly=True
    )

    __table_args__ = (
        CheckConstraint("late_minutes BETWEEN 1 AND 10080", name="late"),
        CheckConstraint("retry_hours BETWEEN 0 AND 72", name="retry"),
        CheckConstraint("spread_minutes BETWEEN 1 AND 43200", name="spread"),
        CheckConstraint("daily_most > 0", name="daily"),
        Index("ix_broadcasts_workspace_id_id", "workspace_id", "id"),
        Index("ix_broadcasts_workspace_id_state_id", "workspace_id", "state", "id"),
        Index(
            "ix_broadcasts_active",
            "state",
            "id",
            postgresql_where=text("state IN ('scheduled', 'expanding', 'sending')"),
        ),
    )


class Message(Base):
    """The ledger: one WhatsApp message, in or out, from plan to read receipt.

    `state` is where it is now, `reached` how far it ever got (see `services/messages.py`). `claimed_by` names the
    sender process that holds it. `content` is what was or will be sent: for a broadcast the filled values, else the
    message body by type. `template_version` is the version of the template's words that it was sent with. `day` is the
    calendar day in the workspace's time zone, for reports. A queued row is not claimed before `due_at`; `hold_reason` says
    why it waits until then (see `services/holds.py`). A retry is not sent after `expires_at`.
    """

    __tablename__ = "messages"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    broadcast_id: Mapped[int | None] = mapped_column(ForeignKey("broadcasts.id", ondelete="CASCADE"))
    # No foreign key: to find the messages of a contact that goes it would need an index of all rows by contact, which each claim
    # would enter, and expanding would check each person. The trigger `message_contacts_on_delete` sets this to NULL.
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    template_id: Mapped[int | None] = mapped_column(BigInteger)
    template_version: Mapped[int | None] = mapped_column(SmallInteger)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    direction: Mapped[Direction] = mapped_column(_enum(Direction, "direction"), server_default="out")
    type: Mapped[str] = mapped_column(String(20), server_default="template")
    state: Mapped[MessageState] = mapped_column(_enum(MessageState, "state"), server_default="queued")
    reached: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    replied: Mapped[Flag]
    day: Mapped[date] = mapped_column(Date, server_default=text("current_date"))
    phone: Mapped[str | None] = mapped_column(String(20))
    wa_user_id: Mapped[str | None] = mapped_column(String(140))
    wamid: Mapped[str | None] = mapped_column(String(200))
    context_wamid: Mapped[str | None] = mapped_column(String(200))
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    skip_reason: Mapped[str | None] = mapped_column(String(40))
    error_code: Mapped[int | None]
    error_title: Mapped[str | None] = mapped_column(Text)
    throttle_count: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    pricing_category: Mapped[str | None] = mapped_column(String(40))
    pricing_type: Mapped[str | None] = mapped_column(String(40))
    claimed_by: Mapped[str | None] = mapped_column(String(40))
    due_at: Mapped[Created]
    hold_reason: Mapped[str | None] = mapped_column(String(20))
    expires_at: Mapped[Moment | None]
    created_at: Mapped[Created]
    changed_at: Mapped[Created]
    claimed_at: Mapped[Moment | None]
    accepted_at: Mapped[Moment | None]
    sent_at: Mapped[Moment | None]
    delivered_at: Mapped[Moment | None]
    read_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]

    contact: Mapped[Contact | None] = relationship(
        primaryjoin="foreign(Message.contact_id) == Contact.id",
    )

    __table_args__ = (
        # The unit of "nobody twice": one row a person, broadcast and attempt.
        Index(
            "uq_messages_broadcast_id_contact_id_attempt",
            "broadcast_id",
            "contact_id",
            "attempt",
            unique=True,
            postgresql_where=text("broadcast_id IS NOT NULL"),
        ),
        Index("uq_messages_wamid", "wamid", unique=True, postgresql_where=text("wamid IS NOT NULL")),
        # The sender's queue of a broadcast: what is due, without passing what is held.
        Index(
            "ix_messages_due",
            "broadcast_id",
            "due_at",
            "id",
            postgresql_where=text("broadcast_id IS NOT NULL AND state = 'queued'"),
        ),
        # Retries that wait, by their deadline: few of all messages.
        Index(
            "ix_messages_expiring",
            "expires_at",
            postgresql_where=text("state = 'queued' AND expires_at IS NOT NULL"),
        ),
        # The recipient list by state.
        Index(
            "ix_messages_broadcast_id_state_id",
            "broadcast_id",
            "state",
            "id",
            postgresql_where=text("broadcast_id IS NOT NULL"),
        ),
        # The sender's queue of a channel's single messages.
        Index(
            "ix_messages_transactional",
            "channel_id",
            "id",
            postgresql_where=text("broadcast_id IS NULL AND state = 'queued'"),
        ),
        # What a dead sender may have left behind.
        Index("ix_messages_sending", "claimed_by", postgresql_where=text("state = 'sending'")),
        # What was written with a contact. Meta's deliveries come in any order, so it goes by time. Over all rows each claim
        # would enter it anew, far from the entries of its neighbours; nobody looks here for what has not gone out yet.
        Index(
            "ix_messages_thread",
            "contact_id",
            "created_at",
            "id",
            postgresql_where=text("broadcast_id IS NULL OR reached > 0"),
        ),
        # All others by contact: what is planned for somebody or never reached them. See `services/person_messages.py`.
        Index("ix_messages_unsent", "contact_id", postgresql_where=text("broadcast_id IS NOT NULL AND reached = 0")),
        # Who wrote to us when: few of all messages.
        Index(
            "ix_messages_inbound", "workspace_id", "contact_id", "created_at", postgresql_where=text("direction = 'in'")
        ),
        # Those that failed or were left out for one reason, and those that failed after Meta had taken them.
        Index(
            "ix_messages_causes",
            "broadcast_id",
            "state",
            text("coalesce(skip_reason, error_code::text, '')"),
            "id",
            postgresql_where=text("state IN ('failed', 'skipped')"),
        ),
        Index("ix_messages_failed", "broadcast_id", "reached", "id", postgresql_where=text("state = 'failed'")),
        # Whom Meta could not reach: few of all messages.
        Index(
            "ix_messages_unreachable", "workspace_id", "contact_id", "id", postgresql_where=text("error_code = 131026")
        ),
        # Templates that went to one person: with the broadcasts of a day they say how much of a number's limit is used.
        Index(
            "ix_messages_single_templates",
            "channel_id",
            "accepted_at",
            postgresql_where=text("broadcast_id IS NULL AND type = 'template'"),
        ),
        # All that belongs to no broadcast: what people write, and what is written to one of them.
        Index("ix_messages_outside_broadcasts", "workspace_id", "day", postgresql_where=text("broadcast_id IS NULL")),
        # Who answered a broadcast: few among many.
        Index("ix_messages_replied", "broadcast_id", "id", postgresql_where=text("replied")),
        # A page keeps room for what becomes of its rows. Else the rows of a new broadcast go into the last gap of one page each,
        # and claiming a few hundred of them writes as many pages.
        {"postgresql_with": {"fillfactor": 70}},
    )


class MessageTally(Base):
    """A change in the number of messages that look alike; the sum over rows is the count."""

    __tablename__ = "message_tallies"

    id: Mapped[BigId]
    workspace_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    broadcast_id: Mapped[int] = mapped_column(BigInteger)
    template_id: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date] = mapped_column(Date)
    direction: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(20))
    reached: Mapped[int] = mapped_column(SmallInteger)
    first_attempt: Mapped[bool]
    replied: Mapped[bool]
    cause: Mapped[str] = mapped_column(String(40))
    delta: Mapped[int] = mapped_column(BigInteger)
    is_fresh: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        Index("ix_message_tallies_fresh", "workspace_id", "day", "broadcast_id", postgresql_where=text("is_fresh")),
        Index("ix_message_tallies_broadcast_id", "broadcast_id", postgresql_where=text("broadcast_id <> 0")),
        Index("ix_message_tallies_workspace_id_day", "workspace_id", "day"),
    )


class PaceSetting(Base):
    """How considerate a workspace's broadcasts are; without a row everything has its default.

    `stop_percent` of the last results failing pauses a broadcast, NULL never does. Between `quiet_from` and `quiet_to` on the
    recipient's clock nothing goes out, marketing only unless `quiet_all`; `zone_field` names the custom attribute with their
    time zone. Nobody gets more than `cap_messages` marketing messages in `cap_days`. Of a number's limit `reserve_percent`
    stay free for single messages.
    """

    __tablename__ = "pace_settings"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    stop_percent: Mapped[int | None] = mapped_column(SmallInteger, server_default=text("30"))
    quiet_from: Mapped[time | None] = mapped_column(Time)
    quiet_to: Mapped[time | None] = mapped_column(Time)
    quiet_all: Mapped[Flag]
    zone_field: Mapped[str] = mapped_column(String(100), server_default="")
    cap_messages: Mapped[int | None] = mapped_column(SmallInteger)
    cap_days: Mapped[int] = mapped_column(SmallInteger, server_default=text("7"))
    reserve_percent: Mapped[int] = mapped_column(SmallInteger, server_default=text("5"))
    updated_at: Mapped[Created]

    __table_args__ = (
        CheckConstraint("stop_percent BETWEEN 1 AND 100", name="stop"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL) AND quiet_from <> quiet_to", name="quiet"),
        CheckConstraint("cap_messages BETWEEN 1 AND 100 AND cap_days BETWEEN 1 AND 90", name="cap"),
        CheckConstraint("reserve_percent BETWEEN 0 AND 50", name="reserve"),
    )


# ---------------------------------------------------------------- 7. Talking


class Conversation(Base):
    """The thread between a channel and a contact, with the 24-hour window that their last message opened.

    `read_through` is the newest message that a member has seen, `labels` the team's own words for the thread.
    """

    __tablename__ = "conversations"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    state: Mapped[ConversationState] = mapped_column(_enum(ConversationState, "state"), server_default="open")
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("members.id", ondelete="SET NULL"))
    window_expires_at: Mapped[Moment | None]
    unread_count: Mapped[Count]
    read_through: Mapped[int | None] = mapped_column(BigInteger)
    labels: Mapped[list[str]] = mapped_column(ARRAY(String(40)), server_default=text("'{}'"))
    last_message_id: Mapped[int | None] = mapped_column(BigInteger)
    last_message_at: Mapped[Moment | None]
    created_at: Mapped[Created]

    channel: Mapped[Channel] = relationship()
    contact: Mapped[Contact] = relationship()

    __table_args__ = (
        UniqueConstraint("channel_id", "contact_id"),
        # Each view of the list is a walk along one of these, newest first.
        Index("ix_conversations_workspace_id_last_message_at_id", "workspace_id", "last_message_at", "id"),
        Index("ix_conversations_by_state", "workspace_id", "state", "last_message_at", "id"),
        Index("ix_conversations_by_assignee", "workspace_id", "assignee_id", "last_message_at", "id"),
        Index(
            "ix_conversations_unread",
            "workspace_id",
            "last_message_at",
            "id",
            postgresql_where=text("unread_count > 0"),
        ),
        Index("ix_conversations_labels", "labels", postgresql_using="gin", postgresql_where=text("labels <> '{}'")),
        Index("ix_conversations_window", "window_expires_at", postgresql_where=text("state = 'open'")),
        # A contact's threads, also when the contact is deleted.
        Index("ix_conversations_contact_id", "contact_id"),
    )


class ConversationEvent(Base):
    """A private note, or that somebody was assigned, closed the thread, or opened it again.

    What became of a message that failed, discarded or sent again, names it (`message_id`), which happens once.
    """

    __tablename__ = "conversation_events"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    kind: Mapped[EventKind] = mapped_column(_enum(EventKind, "kind"))
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[Created]

    user: Mapped[User | None] = relationship()

    __table_args__ = (
        Index("ix_conversation_events_thread", "conversation_id", "created_at", "id"),
        # A message is put aside once.
        UniqueConstraint("message_id"),
    )


class MessageText(Base):
    """The words of a message in a conversation, for the search; broadcasts are not in it."""

    __tablename__ = "message_texts"

    message_id: Mapped[int] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    workspace_id: Mapped[WorkspaceId]
    words: Mapped[str] = mapped_column(Text)
    lexemes: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('simple', words)", persisted=True), deferred=True
    )

    __table_args__ = (
        Index("ix_message_texts_workspace_id_message_id", "workspace_id", "message_id"),
        Index("ix_message_texts_lexemes", "lexemes", postgresql_using="gin"),
    )


class CannedReply(Base):
    """An answer that the team keeps ready; `/shortcut` in the composer brings it."""

    __tablename__ = "canned_replies"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shortcut: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("workspace_id", "shortcut"),)


class WebhookEvent(Base):
    """One raw delivery from Meta, stored before it is understood."""

    __tablename__ = "webhook_events"

    id: Mapped[BigId]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[WebhookState] = mapped_column(_enum(WebhookState, "state"), server_default="pending")
    attempt_count: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    error: Mapped[str] = mapped_column(Text, server_default="")
    due_at: Mapped[Created]
    received_at: Mapped[Created]
    applied_at: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_webhook_events_pending", "due_at", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_webhook_events_poison", "id", postgresql_where=text("state = 'poison'")),
        Index("ix_webhook_events_received_at", "received_at"),
    )


class InboundMedia(Base):
    """The file of a message that a person sent, on its way from Meta to us. A table of its own: few messages have one.

    `sha256` is what Meta said about the content, in hexadecimal, or empty; a claim moves `due_at` on.
    """

    __tablename__ = "inbound_media"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[WorkspaceId]
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    meta_id: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64), server_default="")
    state: Mapped[InboundMediaState] = mapped_column(_enum(InboundMediaState, "state"), server_default="waiting")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    attempt_count: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    due_at: Mapped[Created]
    media_file_id: Mapped[int | None] = mapped_column(ForeignKey("media_files.id", ondelete="SET NULL"))

    file: Mapped[MediaFile | None] = relationship()

    __table_args__ = (
        Index("ix_inbound_media_due_at", "due_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_inbound_media_media_file_id", "media_file_id", postgresql_where=text("media_file_id IS NOT NULL")),
    )


# ---------------------------------------------------------------- 8. Answering by itself


class ConsentSetting(Base):
    """A workspace's own opt-out and opt-in words, and whether and with which `texts` we answer them.

    `texts` is `{language: {"stop": …, "start": …}}`; what is missing is the built-in answer.
    """

    __tablename__ = "consent_settings"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(String(10), server_default="en")
    stop_words: Mapped[list[str]] = mapped_column(ARRAY(String(60)), server_default=text("'{}'"))
    start_words: Mapped[list[str]] = mapped_column(ARRAY(String(60)), server_default=text("'{}'"))
    answers_stop: Mapped[bool] = mapped_column(server_default=text("true"))
    answers_start: Mapped[bool] = mapped_column(server_default=text("true"))
    texts: Mapped[dict[str, dict[str, str]]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    updated_at: Mapped[Created]


class BusinessHours(Base):
    """When the team answers on a weekday (0 is Monday), on the workspace's clock; closed on days without a row.

    `closes_at` before `opens_at` is on the next day.
    """

    __tablename__ = "business_hours"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    opens_at: Mapped[time] = mapped_column(Time)
    closes_at: Mapped[time] = mapped_column(Time)

    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("opens_at <> closes_at", name="apart"),
    )


class Automation(Base):
    """A rule that answers a message by itself; those with a lower `position` are asked first."""

    __tablename__ = "automations"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    kind: Mapped[AutomationKind] = mapped_column(_enum(AutomationKind, "kind"))
    match: Mapped[KeywordMatch | None] = mapped_column(_enum(KeywordMatch, "match"))
    words: Mapped[list[str]] = mapped_column(ARRAY(String(200)), server_default=text("'{}'"))
    body: Mapped[str] = mapped_column(Text)
    cooldown_minutes: Mapped[Count]
    is_on: Mapped[bool] = mapped_column(server_default=text("true"))
    position: Mapped[Count]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    __table_args__ = (Index("ix_automations_workspace_id_position_id", "workspace_id", "position", "id"),)


class AutomationRun(Base):
    """An automatic answer: `message_id` answers `inbound_message_id`, which is answered so at most once.

    Without `automation_id` it is the answer to an opt-out or opt-in word, or its rule was deleted.
    """

    __tablename__ = "automation_runs"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    automation_id: Mapped[int | None] = mapped_column(ForeignKey("automations.id", ondelete="SET NULL"), index=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    inbound_message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    created_at: Mapped[Created]

    __table_args__ = (Index("ix_automation_runs_contact_id_created_at", "contact_id", "created_at"),)


# ---------------------------------------------------------------- 9. Writing with AI


class AiSetting(Base):
    """Which model writes for a workspace, with which key (encrypted), and how much it may cost in a month."""

    __tablename__ = "ai_settings"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    provider: Mapped[AiProvider] = mapped_column(_enum(AiProvider, "provider"))
    model: Mapped[str] = mapped_column(String(120))
    base_url: Mapped[str] = mapped_column(String(500), server_default="")
    key_encrypted: Mapped[str] = mapped_column(Text, server_default="")
    key_hint: Mapped[str] = mapped_column(String(8), server_default="")
    monthly_token_cap: Mapped[int | None] = mapped_column(BigInteger)
    checked_at: Mapped[Moment | None]
    updated_at: Mapped[Created]


class AiCall(Base):
    """One call of a model: who asked for what, how much it took, how it ended. Never what was written."""

    __tablename__ = "ai_calls"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    purpose: Mapped[Short]
    provider: Mapped[AiProvider] = mapped_column(_enum(AiProvider, "provider"))
    model: Mapped[str] = mapped_column(String(120))
    prompt_tokens: Mapped[Count]
    answer_tokens: Mapped[Count]
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[Short]
    created_at: Mapped[Created]

    __table_args__ = (Index("ix_ai_calls_workspace_id_created_at", "workspace_id", "created_at"),)


class AiConversation(Base):
    """A person's talk with the assistant in one workspace. Nobody else sees it."""

    __tablename__ = "ai_conversations"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[Name]
    created_at: Mapped[Created]

    __table_args__ = (Index("ix_ai_conversations_workspace_id_user_id_id", "workspace_id", "user_id", "id"),)


class AiTurn(Base):
    """A question to the assistant and what became of its answer; `reason` says why there is none.

    `lookups` are the tools that were used, in words; `drafts` what was drafted for the person to look at: a
    `{"kind": "template", …fields}` lives only here, a `{"kind": "broadcast", "id", "name"}` is a draft of its own.
    """

    __tablename__ = "ai_turns"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    conversation_id: Mapped[int] = mapped_column(ForeignKey("ai_conversations.id", ondelete="CASCADE"))
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[AiTurnState] = mapped_column(_enum(AiTurnState, "state"), server_default="writing")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    lookups: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    drafts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    created_at: Mapped[Created]
    started_at: Mapped[Created]

    __table_args__ = (
        Index("ix_ai_turns_workspace_id_conversation_id_id", "workspace_id", "conversation_id", "id"),
        # Two tabs cannot have an answer written in one conversation at a time.
        Index(
            "uq_ai_turns_conversation_id", "conversation_id", unique=True, postgresql_where=text("state = 'writing'")
        ),
    )


# ---------------------------------------------------------------- 10. Cost


class CostSetting(Base):
    """In which currency Meta bills a workspace, and what it may cost in a month and in a day, in millionths."""

    __tablename__ = "cost_settings"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), server_default="USD")
    monthly_budget_micros: Mapped[int | None] = mapped_column(BigInteger)
    daily_budget_micros: Mapped[int | None] = mapped_column(BigInteger)
    stops_at_budget: Mapped[Flag]
    updated_at: Mapped[Created]


class RateCard(Base):
    """A card of a workspace's own. `rates` is `{market: {category: [[from the n-th message, millionths], …]}}`."""

    __tablename__ = "rate_cards"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    currency: Mapped[str] = mapped_column(String(3))
    valid_from: Mapped[date] = mapped_column(Date)
    filename: Mapped[Name]
    rates: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("workspace_id", "currency", "valid_from"),)


class MessageCost(Base):
    """What a delivered message cost, written once: the row is the proof that it was counted.

    `day` is that of its delivery in the workspace's time zone. `micros` is NULL when no card had a rate for it. `country` is
    empty when it is not known. No column changes afterwards but `micros`, once, from NULL, with the market that it is of.
    There is no foreign key, which would cost as much as the rest of the row: a trigger deletes it with its message.
    """

    __tablename__ = "message_costs"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    broadcast_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    day: Mapped[date] = mapped_column(Date)
    category: Mapped[Short]
    type: Mapped[Short]
    country: Mapped[str] = mapped_column(String(2), server_default="")
    market: Mapped[Short]
    currency: Mapped[str] = mapped_column(String(3))
    micros: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        # What waits for a card.
        Index("ix_message_costs_unpriced", "workspace_id", "day", postgresql_where=text("micros IS NULL")),
    )


class CostTally(Base):
    """A change in the number and cost of messages that look alike; `unpriced` of them have no price yet."""

    __tablename__ = "cost_tallies"

    id: Mapped[BigId]
    workspace_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    broadcast_id: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date] = mapped_column(Date)
    category: Mapped[Short]
    type: Mapped[Short]
    country: Mapped[str] = mapped_column(String(2))
    market: Mapped[Short]
    currency: Mapped[str] = mapped_column(String(3))
    delta: Mapped[int] = mapped_column(BigInteger)
    micros: Mapped[int] = mapped_column(BigInteger)
    unpriced: Mapped[int] = mapped_column(BigInteger)
    is_fresh: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        Index("ix_cost_tallies_fresh", "workspace_id", "day", "broadcast_id", postgresql_where=text("is_fresh")),
        Index("ix_cost_tallies_broadcast_id", "broadcast_id", postgresql_where=text("broadcast_id <> 0")),
        Index("ix_cost_tallies_workspace_id_day", "workspace_id", "day"),
    )


class BudgetAlert(Base):
    """That a share of the month's budget was reached and told: the row is what makes it once."""

    __tablename__ = "budget_alerts"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    percent: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    created_at: Mapped[Created]


class Purchase(Base):
    """Money that went to Meta, as somebody noted it. The same line of a file, or the same form, is noted once (`row_key`)."""

    __tablename__ = "purchases"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    kind: Mapped[PurchaseKind] = mapped_column(_enum(PurchaseKind, "kind"))
    paid_on: Mapped[date] = mapped_column(Date)
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    note: Mapped[str] = mapped_column(String(200), server_default="")
    row_key: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[Created]

    __table_args__ = (
        UniqueConstraint("workspace_id", "row_key"),
        Index("ix_purchases_workspace_id_paid_on_id", "workspace_id", "paid_on", "id"),
    )


# ---------------------------------------------------------------- 11. Reporting


class ReportTally(Base):
    """A change in the number of outbound messages by one `facet` of them; `failed` and `replied` only where it is `country`.

    `country`: `key` is how the number or user id begins. `quarter`: in which quarter hour since 1970 it went out.
    `read_after`: how soon it was read, as a place among `report_facets.READ_AFTER`.
    """

    __tablename__ = "report_tallies"

    id: Mapped[BigId]
    workspace_id: Mapped[int] = mapped_column(BigInteger)
    broadcast_id: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date] = mapped_column(Date)
    facet: Mapped[str] = mapped_column(String(12))
    key: Mapped[str] = mapped_column(String(12))
    reached: Mapped[int] = mapped_column(SmallInteger)
    failed: Mapped[bool]
    replied: Mapped[bool]
    delta: Mapped[int] = mapped_column(BigInteger)
    is_fresh: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        Index("ix_report_tallies_fresh", "workspace_id", "day", "broadcast_id", postgresql_where=text("is_fresh")),
        Index("ix_report_tallies_broadcast_id", "broadcast_id", postgresql_where=text("broadcast_id <> 0")),
        Index("ix_report_tallies_workspace_id_facet_day", "workspace_id", "facet", "day"),
    )


class FirstAnswer(Base):
    """A member's message that answered somebody who waited, `seconds` after the first of the messages that it answers.

    `day` is that of the answer. Never changed. `step` is the class of its time: eight to each doubling, so the middle of one is
    within 5 percent of what is in it.
    """

    __tablename__ = "first_answers"

    message_id: Mapped[int] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date] = mapped_column(Date)
    seconds: Mapped[int]
    step: Mapped[int] = mapped_column(
        SmallInteger, Computed("floor(8 * ln(seconds + 1.0::float8) / ln(2.0::float8))::smallint", persisted=True)
    )

    __table_args__ = (
        # Enough to find the longest without reading the table.
        Index(
            "ix_first_answers_workspace_id_day",
            "workspace_id",
            "day",
            postgresql_include=["user_id", "seconds"],
        ),
    )


class AnswerTally(Base):
    """A change in the number of first answers of a member on a day, by the `step` of their time."""

    __tablename__ = "answer_tallies"

    id: Mapped[BigId]
    workspace_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date] = mapped_column(Date)
    step: Mapped[int] = mapped_column(SmallInteger)
    delta: Mapped[int] = mapped_column(BigInteger)
    is_fresh: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        Index("ix_answer_tallies_workspace_id_day", "workspace_id", "day"),
        Index("ix_answer_tallies_fresh", "workspace_id", "day", postgresql_where=text("is_fresh")),
    )


class Recount(Base):
    """The last time a workspace's counts were held against what they count. `differences` is how many were wrong, by table."""

    __tablename__ = "recounts"

    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    started_at: Mapped[Moment]
    finished_at: Mapped[Moment | None]
    differences: Mapped[Json]


class Export(Base):
    """A file that a job writes for somebody to download, until `expires_at`.

    Then the file is deleted, and the row stays for a while to say so, with `deleted_at` and without what it listed.
    It lies in the storage in `parts`, each `[key, bytes]`; what is not in there does not belong to it. `place` is where the
    writing goes on after a crash: the last row that is in a part, the state of the encoder, and the key of the part that is being
    written. `total_count` is how many rows are expected, where that is known.
    """

    __tablename__ = "exports"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    kind: Mapped[ExportKind] = mapped_column(_enum(ExportKind, "kind"))
    format: Mapped[ExportFormat] = mapped_column(_enum(ExportFormat, "format"))
    name: Mapped[Name]
    filters: Mapped[Json]
    timezone: Mapped[str] = mapped_column(String(64))
    state: Mapped[ExportState] = mapped_column(_enum(ExportState, "state"), server_default="queued")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    row_count: Mapped[Count]
    total_count: Mapped[int | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    parts: Mapped[list[list[Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    place: Mapped[Json]
    created_at: Mapped[Created]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    heartbeat_at: Mapped[Moment | None]
    expires_at: Mapped[Moment] = mapped_column(index=True)
    deleted_at: Mapped[Moment | None]

    user: Mapped[User | None] = relationship()

    __table_args__ = (
        Index("ix_exports_workspace_id_id", "workspace_id", "id"),
        Index("ix_exports_open", "state", "id", postgresql_where=text("state IN ('queued', 'running')")),
    )


# ---------------------------------------------------------------- 12. Shops


class Shop(Base):
    """A connected WooCommerce shop. Keys and the secret of its webhooks are encrypted; `token` is in its webhooks' address.

    What happened before `listening_since` is never messaged. `synced_until` is how far the shop's own list of changed orders
    was read, by the shop's clock. `trouble` is empty while all is well, else why the last call failed, in `trouble_text` for
    a person; `failed_count` counts failures in a row. `hooks` are the shop's ids of our webhooks by topic, and `hooks_trouble`
    says why they could not be set up; orders are read all the same.
    """

    __tablename__ = "shops"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[Name]
    url: Mapped[str] = mapped_column(String(500))
    token: Mapped[str] = mapped_column(String(64), unique=True)
    key_encrypted: Mapped[str] = mapped_column(Text)
    secret_encrypted: Mapped[str] = mapped_column(Text)
    hook_secret_encrypted: Mapped[str] = mapped_column(Text)
    hooks: Mapped[Json]
    hooks_trouble: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[ShopState] = mapped_column(_enum(ShopState, "state"), server_default="connected")
    trouble: Mapped[str] = mapped_column(String(20), server_default="")
    trouble_text: Mapped[str] = mapped_column(Text, server_default="")
    trouble_since: Mapped[Moment | None]
    failed_count: Mapped[Count]
    version: Mapped[str] = mapped_column(String(40), server_default="")
    currency: Mapped[str] = mapped_column(String(3), server_default="")
    country: Mapped[str] = mapped_column(String(2), server_default="")
    opt_in_key: Mapped[str] = mapped_column(String(100), server_default="wotnot_opt_in")
    listening_since: Mapped[Created]
    synced_until: Mapped[Moment]
    sync_due_at: Mapped[Created]
    hooks_due_at: Mapped[Created]
    heard_at: Mapped[Moment | None]
    created_at: Mapped[Created]

    __table_args__ = (
        Index(
            "uq_shops_workspace_id_url", "workspace_id", "url", unique=True, postgresql_where=text("state <> 'removed'")
        ),
        Index("ix_shops_sync_due_at", "sync_due_at", postgresql_where=text("state <> 'removed'")),
    )


class ShopInvite(Base):
    """A shop's owner was sent to WooCommerce's own page to grant keys: `token` is what the shop gives back with them."""

    __tablename__ = "shop_invites"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(500))
    token: Mapped[str] = mapped_column(String(64), unique=True)
    key_encrypted: Mapped[str] = mapped_column(Text, server_default="")
    secret_encrypted: Mapped[str] = mapped_column(Text, server_default="")
    used_at: Mapped[Moment | None]
    created_at: Mapped[Created] = mapped_column(index=True)


class ShopDelivery(Base):
    """What a shop told, by webhook or in its list of changed orders, stored before it is understood.

    What `is_past` was before we listened: it waits until everything that is fresh, of whatever shop, is applied. For the order
    that a note waits for its shop is asked once, at `asked_at`.
    """

    __tablename__ = "shop_deliveries"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    topic: Mapped[str] = mapped_column(String(100))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    is_past: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[WebhookState] = mapped_column(_enum(WebhookState, "state"), server_default="pending")
    attempt_count: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    error: Mapped[str] = mapped_column(Text, server_default="")
    due_at: Mapped[Created]
    received_at: Mapped[Created]
    asked_at: Mapped[Moment | None]
    applied_at: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_shop_deliveries_pending", "is_past", "due_at", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_shop_deliveries_poison", "shop_id", "id", postgresql_where=text("state = 'poison'")),
        Index("ix_shop_deliveries_received_at", "received_at"),
    )


class ShopOrder(Base):
    """An order as its shop told it last; `facts` is the whole of what we read of it. `order_id` is the shop's own.

    At `notes_due_at` its notes are looked at, for those that no webhook told. `phone` is the buyer's number as digits, empty
    where none could be read; by it an order from before finds its contact later.
    """

    __tablename__ = "shop_orders"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    order_id: Mapped[int] = mapped_column(BigInteger)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"))
    number: Mapped[str] = mapped_column(String(60))
    status: Mapped[Short]
    currency: Mapped[str] = mapped_column(String(3))
    total_micros: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[Json]
    phone: Mapped[str] = mapped_column(String(20), server_default="")
    phone_problem: Mapped[str] = mapped_column(Text, server_default="")
    placed_at: Mapped[Moment]
    modified_at: Mapped[Moment]
    notes_due_at: Mapped[Moment | None]
    created_at: Mapped[Created]

    __table_args__ = (
        UniqueConstraint("shop_id", "order_id"),
        Index("ix_shop_orders_notes_due", "shop_id", "notes_due_at", postgresql_where=text("notes_due_at IS NOT NULL")),
        Index("ix_shop_orders_shop_id_placed_at_id", "shop_id", "placed_at", "id"),
        Index("ix_shop_orders_contact_id", "contact_id", "placed_at"),
        Index(
            "ix_shop_orders_phone",
            "workspace_id",
            "phone",
            postgresql_where=text("contact_id IS NULL AND phone <> ''"),
        ),
    )


class ShopRule(Base):
    """Which orders of a shop are messaged, when, and with what. `event` is `created`, `status:<slug>` or `note`.

    What happened before `active_since` is not messaged. Deleting is soft, because messages name their rule.
    """

    __tablename__ = "shop_rules"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(60))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    template_id: Mapped[int] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"))
    variables: Mapped[Json]
    conditions: Mapped[Json]
    delay_minutes: Mapped[Count]
    is_on: Mapped[bool] = mapped_column(server_default=text("true"))
    active_since: Mapped[Created]
    created_at: Mapped[Created]
    deleted_at: Mapped[Moment | None]

    channel: Mapped[Channel] = relationship()
    template: Mapped[Template] = relationship()

    __table_args__ = (
        CheckConstraint("delay_minutes BETWEEN 0 AND 43200", name="delay"),
        Index("ix_shop_rules_shop_id_event", "shop_id", "event"),
    )


class ShopMessage(Base):
    """One rule about one order, once: the key is what keeps a webhook that comes again from being messaged again.

    `occurrence` tells notes of one order apart. `message_id` is its entry in the ledger, written in the same transaction.
    """

    __tablename__ = "shop_messages"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    rule_id: Mapped[int] = mapped_column(ForeignKey("shop_rules.id", ondelete="CASCADE"))
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_orders.id", ondelete="CASCADE"))
    occurrence: Mapped[str] = mapped_column(String(80), server_default="")
    state: Mapped[ShopMessageState] = mapped_column(_enum(ShopMessageState, "state"), server_default="waiting")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    beside: Mapped[Json]
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    happened_at: Mapped[Moment]
    due_at: Mapped[Created]
    created_at: Mapped[Created]

    rule: Mapped[ShopRule] = relationship()
    order: Mapped[ShopOrder] = relationship()

    __table_args__ = (
        UniqueConstraint("rule_id", "order_id", "occurrence"),
        Index("ix_shop_messages_shop_id_id", "shop_id", "id"),
        Index("ix_shop_messages_order_id", "order_id"),
        Index("ix_shop_messages_waiting", "due_at", "id", postgresql_where=text("state = 'waiting'")),
    )


class Promotion(Base):
    """A product of a shop that is written about on `weekdays` (0 is Monday) at `at_time`, from `first_day` to `last_day`.

    Days and times are on the workspace's clock. `next_day` is the next day on which a broadcast is made, null when there is
    none; while its shop does not answer it is tried again at `try_at`, for the `reason`. `variables` are a broadcast's, and
    beside them `{"product", "fallback"}`. `product` is what its shop said of it last.
    """

    __tablename__ = "promotions"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    template_id: Mapped[int] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"))
    name: Mapped[Name]
    product_id: Mapped[int] = mapped_column(BigInteger)
    product: Mapped[Json]
    audience: Mapped[Json]
    variables: Mapped[Json]
    leave_out: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    at_time: Mapped[time] = mapped_column(Time)
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    state: Mapped[PromotionState] = mapped_column(_enum(PromotionState, "state"), server_default="on")
    next_day: Mapped[date | None] = mapped_column(Date)
    try_at: Mapped[Moment | None]
    reason: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[Created]

    shop: Mapped[Shop] = relationship()
    channel: Mapped[Channel] = relationship()
    template: Mapped[Template] = relationship()

    __table_args__ = (
        CheckConstraint("first_day <= last_day", name="days"),
        Index("ix_promotions_shop_id_id", "shop_id", "id"),
        Index("ix_promotions_next_day", "next_day", postgresql_where=text("state = 'on'")),
    )


class PromotionDate(Base):
    """What became of one day of a promotion, once: the broadcast that was made, or in `reason` why none was."""

    __tablename__ = "promotion_dates"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    promotion_id: Mapped[int] = mapped_column(ForeignKey("promotions.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(Date)
    broadcast_id: Mapped[int | None] = mapped_column(ForeignKey("broadcasts.id", ondelete="SET NULL"), unique=True)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[Created]

    __table_args__ = (UniqueConstraint("promotion_id", "day"),)


class CustomerImport(Base):
    """The customers of a shop, and who bought there without an account, becoming contacts page by page.

    `part` is what is read, from page `next_page` + 1 on, so that it goes on after a crash; `due_at` is when. Consent is taken
    from the field `opt_in_key` only. `failed_count` counts failures in a row.
    """

    __tablename__ = "customer_imports"

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    opt_in_key: Mapped[str] = mapped_column(String(100), server_default="")
    state: Mapped[CustomerImportState] = mapped_column(_enum(CustomerImportState, "state"), server_default="running")
    part: Mapped[str] = mapped_column(String(20), server_default="customers")
    next_page: Mapped[Count]
    total_count: Mapped[Count]
    read_count: Mapped[Count]
    added_count: Mapped[Count]
    known_count: Mapped[Count]
    consent_count: Mapped[Count]
    refused_count: Mapped[Count]
    failed_count: Mapped[Count]
    reason: Mapped[str] = mapped_column(Text, server_default="")
    due_at: Mapped[Created]
    created_at: Mapped[Created]
    finished_at: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_customer_imports_shop_id_id", "shop_id", "id"),
        Index("uq_customer_imports_shop_id", "shop_id", unique=True, postgresql_where=text("state = 'running'")),
    )

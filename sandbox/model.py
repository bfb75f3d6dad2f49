"""What the sandbox's world is made of. Only data; the rules are in the modules that use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.jsonio import Json
from sandbox.limits import RollingCount
from sandbox.template_plan import SendPlan

CHAT_LENGTH = 60  # messages remembered in one chat

NO_LIMIT = float("inf")
TIERS = {
    "TIER_250": 250,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
    "TIER_UNLIMITED": NO_LIMIT,
}


@dataclass(slots=True)
class Template:
    """A message template in one language. `components` is replaced, never changed in place."""

    id: str
    waba_id: str
    name: str
    language: str
    category: str
    components: list[Json]
    parameter_format: str = "POSITIONAL"
    status: str = "APPROVED"
    rejected_reason: str = "NONE"
    quality: str = "UNKNOWN"
    created_at: float = 0.0
    edited_at: list[float] = field(default_factory=list)
    extra: Json = field(default_factory=dict)
    _plan: SendPlan | None = None

    @property
    def plan(self) -> SendPlan:
        """What a send of this template must carry; worked out once."""
        if self._plan is None or self._plan.components is not self.components:
            self._plan = SendPlan(self.components, named=self.parameter_format == "NAMED")
        return self._plan


@dataclass(slots=True)
class Waba:
    """A WhatsApp Business Account with its templates, by id and by (name, language)."""

    id: str
    name: str
    tier: str = "TIER_UNLIMITED"
    subscribed: bool = False
    callback_url: str = ""
    templates: dict[str, Template] = field(default_factory=dict)
    by_name: dict[tuple[str, str], Template] = field(default_factory=dict)
    deleted_names: dict[str, float] = field(default_factory=dict)  # "name", or "name/language" when only that went
    creations: RollingCount = field(default_factory=lambda: RollingCount(3600))
    calls: RollingCount = field(default_factory=lambda: RollingCount(3600))
    # person -> when a window-less template last went out; counts towards the tier
    reached: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Number:
    """A business phone number. `rate` is messages a second; None takes the setting, 0 is unlimited."""

    id: str
    waba_id: str
    display: str
    verified_name: str
    country_code: str = ""
    digits: str = ""
    quality: str = "GREEN"
    status: str = "CONNECTED"
    name_status: str = "APPROVED"
    verified: bool = True
    registered: bool = True
    pin: str = ""
    rate: float | None = None
    callback_url: str = ""
    profile: Json = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    arrival: float = 0.0
    registrations: RollingCount = field(default_factory=lambda: RollingCount(72 * 3600))
    service_month: str = ""
    service_count: int = 0

    def __post_init__(self) -> None:
        digits = "".join(c for c in self.display if c.isdigit())
        self.digits = digits
        self.country_code = self.display.lstrip("+").split(" ")[0] if " " in self.display else digits[:2]


@dataclass(slots=True, eq=False)
class Message:
    """One message between a business number and a customer. `out` is seen from the business."""

    wamid: str
    type: str
    body: Json
    at: float
    out: bool
    state: str = "accepted"
    error: int = 0
    error_details: str = ""
    callback_data: str | None = None
    template: Template | None = None
    context: str = ""
    pricing: Json | None = None
    reaction: str = ""


@dataclass(slots=True, eq=False)
class Chat:
    """The thread between one customer and one number. Times are seconds since the epoch."""

    number_id: str
    wa_id: str
    messages: list[Message] = field(default_factory=list)
    last_inbound_at: float = 0.0
    free_until: float = 0.0
    marketing_stopped: bool = False
    arrival: float = 0.0
    unread: int = 0

    def append(self, message: Message) -> None:
        """Remember a message and forget the oldest when there are too many."""
        self.messages.append(message)
        if len(self.messages) > CHAT_LENGTH:
            del self.messages[0]

    def find(self, wamid: str) -> Message | None:
        """The remembered message with this id."""
        return next((m for m in reversed(self.messages) if m.wamid == wamid), None)


@dataclass(slots=True, eq=False)
class Customer:
    """A person with a phone. `version` grows with each change that the phone page should show."""

    wa_id: str
    user_id: str
    name: str = ""
    online: bool = True
    read_receipts: bool = True
    bsuid_only: bool = False
    pinned: bool = False
    version: int = 0
    chats: dict[str, Chat] = field(default_factory=dict)
    # status steps that wait until the phone is online again
    waiting: list[tuple[Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)


@dataclass(slots=True)
class Media:
    """An uploaded file; its bytes are in memory or in the data folder."""

    id: str
    number_id: str
    mime_type: str
    sha256: str
    size: int
    created_at: float
    file_name: str = ""
    inbound: bool = False


@dataclass(slots=True)
class Upload:
    """A resumable upload session."""

    id: str
    file_name: str
    file_type: str
    file_length: int
    data: bytearray = field(default_factory=bytearray)

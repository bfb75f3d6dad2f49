"""Conversations over the API: the team inbox for programs."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from wotnot.blueprints.api.idempotency import idempotent
from wotnot.blueprints.api.messages import raw_content
from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import CursorArgs, page_schema
from wotnot.blueprints.api.schemas.conversations import (
    AssignSchema,
    ConversationArgs,
    ConversationSchema,
    ReplySchema,
    ThreadMessageSchema,
)
from wotnot.blueprints.api.schemas.messages import QueuedMessageSchema, part_of
from wotnot.blueprints.guards import actor, workspace_id
from wotnot.models import Conversation, Message
from wotnot.services import conversation_lists, conversations, replies, single_messages, threads
from wotnot.services.conversation_lists import ConversationFilter
from wotnot.services.pages import Page
from wotnot.services.threads import Entry

blueprint = Resource(
    "conversations-api", __name__, url_prefix="/api/v1/conversations", description="Threads with people who answer."
)


@blueprint.get("")
@blueprint.arguments(ConversationArgs, location="query")
@blueprint.response(200, page_schema(ConversationSchema))
def index(query: dict[str, Any]) -> Page[SimpleNamespace]:
    """List conversations, the last moved first."""
    place = {"cursor": query.pop("cursor"), "limit": query.pop("limit")}
    page = conversation_lists.list_conversations(workspace_id(), ConversationFilter(**query), **place)
    return Page(_shown(page.items), next_cursor=page.next_cursor)


@blueprint.get("/<int:conversation_id>")
@blueprint.response(200, ConversationSchema)
def show(conversation_id: int) -> SimpleNamespace:
    """Get one conversation."""
    return _shown([conversations.get_conversation(workspace_id(), conversation_id)])[0]


@blueprint.get("/<int:conversation_id>/messages")
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ThreadMessageSchema))
def messages(query: dict[str, Any], conversation_id: int) -> Page[Entry]:
    """List the messages of a conversation, the newest first."""
    conversation = conversations.get_conversation(workspace_id(), conversation_id)
    thread = threads.read_thread(conversation, before=query["cursor"], limit=query["limit"])
    entries = [entry for entry in reversed(thread.entries) if entry.message is not None]
    return Page(entries, next_cursor=thread.older)


def _bring_files(conversation_id: int) -> None:
    conversation = conversations.get_conversation(workspace_id(), conversation_id)
    single_messages.bring_files(workspace_id(), conversation.channel_id, raw_content())


@blueprint.post("/<int:conversation_id>/messages")
@idempotent("conversation-messages", before=_bring_files)
@blueprint.arguments(ReplySchema)
@blueprint.response(202, QueuedMessageSchema)
@blueprint.alt_response(409, description="No window is open, the number cannot send, or the template is not approved.")
def reply(body: dict[str, Any], conversation_id: int) -> Message:
    """Answer in a conversation. Anything but a template needs an open 24-hour window."""
    return replies.send_reply(
        workspace_id(),
        conversation_id,
        type=body["type"],
        content=body[part_of(body["type"])],
        user_id=actor().user.id,
        reply_to=body["reply_to"],
    )


@blueprint.post("/<int:conversation_id>/read")
@blueprint.response(200, ConversationSchema)
def read(conversation_id: int) -> SimpleNamespace:
    """Mark everything as read; the customer gets blue ticks."""
    return _shown([conversations.mark_read(workspace_id(), conversation_id)])[0]


@blueprint.post("/<int:conversation_id>/assign")
@blueprint.arguments(AssignSchema)
@blueprint.response(200, ConversationSchema)
def assign(body: dict[str, Any], conversation_id: int) -> SimpleNamespace:
    """Hand the conversation to a member, to nobody, or to whoever is next in turn."""
    user_id = actor().user.id
    if body["auto"]:
        return _shown([conversations.assign_by_turns(workspace_id(), conversation_id, user_id=user_id)])[0]
    moved = conversations.assign(workspace_id(), conversation_id, member_id=body["member_id"], user_id=user_id)
    return _shown([moved])[0]


@blueprint.post("/<int:conversation_id>/close")
@blueprint.response(200, ConversationSchema)
def close(conversation_id: int) -> SimpleNamespace:
    """Put the conversation away; the next message of its person opens it again."""
    return _shown([conversations.close(workspace_id(), conversation_id, user_id=actor().user.id)])[0]


@blueprint.post("/<int:conversation_id>/reopen")
@blueprint.response(200, ConversationSchema)
def reopen(conversation_id: int) -> SimpleNamespace:
    """Take a closed conversation out again."""
    return _shown([conversations.reopen(workspace_id(), conversation_id, user_id=actor().user.id)])[0]


def _shown(found: Sequence[Conversation]) -> list[SimpleNamespace]:
    """Conversations with their last messages, whatever their number in three statements."""
    last = conversation_lists.list_last_messages(found)
    lines = threads.last_lines(last)
    return [
        SimpleNamespace(
            **{name: getattr(one, name) for name in ("id", "contact", "channel_id", "state", "assignee_id", "labels")},
            window_expires_at=one.window_expires_at,
            unread_count=one.unread_count,
            last_message=_last(last[one.id], lines[one.id]) if one.id in last else None,
        )
        for one in found
    ]


def _last(message: Message, line: str) -> SimpleNamespace:
    return SimpleNamespace(
        id=message.id,
        direction=message.direction,
        type=message.type,
        text=line,
        state=message.state,
        at=message.created_at,
    )

"""Marketing does not go by itself from a number that Meta rates low: somebody says first that it goes all the same.

What is being sent when the rating falls is paused by `broadcast_holds.pause_for_quality`. Who moves a broadcast locks its number
first, as whoever writes the rating does: so none slips through between the look at the rating and the move.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from wotnot.errors import Conflict
from wotnot.models import Broadcast, Channel
from wotnot.services.channel_pace import RED
from wotnot.services.quiet_rows import is_marketing

LOW_QUALITY = "low_quality"

HELD = (
    "Meta rates the number low: too many people blocked or reported it. Send it now all the same, change it to another number, "
    "or wait until the quality is better."
)

RISK = "Meta rates the number low: too many people blocked or reported it, and more marketing can get it blocked."

REFUSED = f"{RISK} Confirm that it goes all the same (despite_quality), send from another number, or wait until the quality is better."


def keep_rating(session: Session, broadcast_id: int) -> None:
    """Let nobody change the rating of the broadcast's number before the commit; what is known of it is read anew."""
    its_number = select(Broadcast.channel_id).where(Broadcast.id == broadcast_id).scalar_subquery()
    locked = select(Channel).where(Channel.id == its_number).with_for_update(read=True, of=Channel)
    session.scalar(locked.execution_options(populate_existing=True))


def is_low(broadcast: Broadcast) -> bool:
    """Whether it is marketing from a number that Meta rates low now."""
    channel = broadcast.channel
    return channel is not None and channel.quality_rating.upper() == RED and is_marketing(broadcast)


def why_held(broadcast: Broadcast) -> str:
    """Why a broadcast does not go by itself, as sentences; empty when it may, or when somebody said that it may."""
    return HELD if is_low(broadcast) and not broadcast.despite_quality else ""


def refuse_low(broadcast: Broadcast) -> None:
    """Raises Conflict for what nobody has said goes despite the rating."""
    if why_held(broadcast):
        raise Conflict(REFUSED, code=LOW_QUALITY)

"""Marketing does not start by itself from a number that Meta rates low: somebody is asked first, as when a plan is late.

What is being sent when the rating falls is paused by `broadcast_holds.pause_for_quality`.
"""

from wotnot.models import Broadcast
from wotnot.services.channel_pace import RED
from wotnot.services.quiet_rows import is_marketing

HELD = (
    "Meta rates the number low: too many people blocked or reported it. Send it now all the same, change it to another number, "
    "or wait until the quality is better."
)


def why_held(broadcast: Broadcast) -> str:
    """Why a planned broadcast does not start by itself, as sentences; empty when it may."""
    channel = broadcast.channel
    is_low = channel is not None and channel.quality_rating.upper() == RED
    return HELD if is_low and is_marketing(broadcast) else ""

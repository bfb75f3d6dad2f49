"""Giving Meta the files that broadcasts show: before the first message, and again while one runs longer than an id holds."""

from sqlalchemy import text

from wotnot import clock
from wotnot.errors import DomainError, Unavailable
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, MediaFile
from wotnot.services import broadcasts, media, queue
from wotnot.services.broadcast_files import RENEW_AFTER, files_in

_UNDER_WAY = frozenset({BroadcastState.EXPANDING, BroadcastState.SENDING})
_RETRY_SECONDS = 30


def upload_files(broadcast_id: int) -> int:
    """Upload what Meta does not know on the broadcast's number, or will soon forget; answers how many files it knows now.

    Goes out on the network. Safe to run twice. While Meta is away the broadcast says that it waits, and `renew_uploads`
    tries again; a file that Meta refuses pauses it with the reason.
    """
    broadcast = db.session.get(Broadcast, broadcast_id)
    if broadcast is None or broadcast.state not in _UNDER_WAY:
        return 0
    wanted = sorted(set(files_in(broadcast.variables).values()))
    for done, file_id in enumerate(wanted):
        try:
            _upload(broadcast_id, file_id)
        except Unavailable as error:
            broadcasts.note_waiting(broadcast_id, f"Its file could not be given to Meta yet. {error.detail}")
            return done
        except DomainError as error:
            words = f"Its file could not be given to Meta. {error.detail}"
            if not broadcasts.stop_broadcast(broadcast_id, words):
                # Its list is still being prepared: it stops once it would send.
                broadcasts.note_waiting(broadcast_id, words)
            return done
    broadcasts.note_waiting(broadcast_id, "")
    return len(wanted)


def renew_uploads() -> int:
    """Find broadcasts under way whose files Meta does not know or will soon forget, and have them uploaded; how many."""
    asked = {"youngest": clock.now() - RENEW_AFTER}
    found = db.session.scalars(text(_TO_UPLOAD), asked).all()
    for broadcast_id in found:
        queue.enqueue_once("upload_broadcast_files", broadcast_id, every_seconds=_RETRY_SECONDS)
    return len(found)


def _upload(broadcast_id: int, file_id: int) -> None:
    # Read anew each time: the upload before has given the connection back.
    broadcast, file = db.session.get(Broadcast, broadcast_id), db.session.get(MediaFile, file_id)
    if broadcast is not None and broadcast.channel is not None and file is not None:
        media.media_id_for(broadcast.channel, file, max_age=RENEW_AFTER)


_TO_UPLOAD = """
SELECT DISTINCT b.id FROM broadcasts b
CROSS JOIN LATERAL jsonb_path_query(b.variables, '$.*.file_id') AS f (id)
LEFT JOIN media_uploads u ON u.media_file_id = f.id::bigint AND u.channel_id = b.channel_id AND u.uploaded_at > :youngest
WHERE b.state IN ('expanding', 'sending') AND u.media_file_id IS NULL
ORDER BY b.id
"""

"""Two broadcasts whose lists are made by two processes at the same time: nobody is on both."""

import subprocess
import sys
from contextlib import ExitStack

from sqlalchemy import func, select

from launcher.paths import ROOT
from tests import factories as make
from tests.cast import Cast
from tests.integration.races.test_broadcast_races import fill
from wotnot.extensions import db
from wotnot.models import BroadcastState, Message, MessageState
from wotnot.services import pace_settings

PEOPLE = 12_000

# Both wait for the same word, so that they begin together.
EXPAND = """
import sys
from wotnot import create_app
from wotnot.services.expansion import expand_broadcast
app = create_app()
with app.app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    expand_broadcast(int(sys.argv[1]), batch=1000)
"""


def test_two_lists_made_at_once_share_nobody(committed_cast: Cast, environment: dict[str, str]) -> None:
    home = committed_cast.workspace
    fill(home, PEOPLE)
    pace_settings.save_setup(home.id, {"cap_messages": "1", "cap_days": "7"})
    channel = make.make_channel(home)
    ids = [
        make.make_broadcast(
            home, channel, make.make_template(home), state=BroadcastState.EXPANDING, audience={"all": True}
        ).id
        for _ in range(2)
    ]
    db.session.remove()
    with ExitStack() as stack:
        running = [stack.enter_context(_start(broadcast_id, environment)) for broadcast_id in ids]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in running] == [0, 0]
    gets_it = select(Message.contact_id, func.count()).where(Message.state == MessageState.QUEUED)
    counts = [count for _, count in db.session.execute(gets_it.group_by(Message.contact_id))]
    assert counts == [1] * PEOPLE
    spans = select(func.min(Message.created_at), func.max(Message.created_at)).group_by(Message.broadcast_id)
    (first, end), (other_first, other_end) = db.session.execute(spans).all()
    assert max(first, other_first) < min(end, other_end), "the two did not meet"


def _start(broadcast_id: int, environment: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", EXPAND, str(broadcast_id)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)

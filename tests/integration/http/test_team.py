"""Inviting, handing over, leaving; and the table of who may do what, which every route is held to."""

import io
import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from flask import Flask
from itsdangerous import TimestampSigner

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import Client
from tests.contracts.open_to_agents import OPEN_TO_AGENTS
from tests.contracts.routes import CHANGING, PUBLIC, list_routes, make_one_of_each
from tests.pictures import png
from wotnot import Config, clock
from wotnot.blueprints.permissions import PERMISSIONS, least_role
from wotnot.errors import Conflict, Forbidden, NotFound
from wotnot.models import Role
from wotnot.services import invitations, pictures, workspaces

HERE, PROFILE = "/app/settings/members", "/app/settings/profile"


@pytest.fixture
def newest_link(config: Config, run_jobs):
    """Call it to send what waits, and get the address in the newest mail."""

    def read() -> str:
        run_jobs()
        newest = max((config.storage_path.parent / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        text = message_from_bytes(newest.read_bytes(), policy=default).get_content()
        return re.search(r"(/app/invitations/\S+)", text).group(1)

    return read


def invite(client: Client, email: str = "erin@example.com", role: str = "agent"):
    answer = client.submit(f"{HERE}/invite", page=HERE, email=email, role=role)
    assert answer.status_code == 302, answer.text
    return answer


def member_of(user, workspace):
    return workspaces.find_membership(user.id, workspace.id)


def test_somebody_with_an_account_joins_once(cast: Cast, client: Client, app: Flask, newest_link):
    client.sign_in(cast.alice)
    invite(client, "charlie@example.com", "admin")
    link = newest_link()
    assert "charlie@example.com" in client.get(HERE).text
    charlie = app.test_client()
    assert "Sign in to join" in charlie.get(link).text
    charlie.sign_in(cast.charlie)
    assert charlie.submit(link).status_code == 302
    assert member_of(cast.charlie, cast.workspace).role is Role.ADMIN
    again = charlie.get(link)
    assert again.status_code == 410
    assert "1 invitation waits" not in client.get(HERE).text
    # Two workspaces, and a switch between them.
    assert charlie.get("/app/").text.count(f"/app/workspaces/{cast.workspace.id}/switch") >= 1


def test_a_new_link_ends_the_older_one(cast: Cast, client: Client, app: Flask, newest_link):
    client.sign_in(cast.alice)
    invite(client)
    first = newest_link()
    (waiting,) = invitations.list_invitations(cast.workspace.id)
    client.submit(f"{HERE}/invitations/{waiting.id}/again", page=HERE)
    second = newest_link()
    browser = app.test_client()
    assert browser.get(first).status_code == 410
    assert browser.get(second).status_code == 200


def test_invited_twice_is_one_invitation_with_the_last_role(cast: Cast, client: Client, session):
    client.sign_in(cast.alice)
    invite(client, role="agent")
    invite(client, email="ERIN@example.com", role="admin")
    (waiting,) = invitations.list_invitations(cast.workspace.id)
    assert waiting.role is Role.ADMIN


def test_a_withdrawn_link_is_worth_nothing(cast: Cast, client: Client, app: Flask, newest_link):
    client.sign_in(cast.alice)
    invite(client)
    link = newest_link()
    (waiting,) = invitations.list_invitations(cast.workspace.id)
    client.submit(f"{HERE}/invitations/{waiting.id}/withdraw", page=HERE)
    browser = app.test_client()
    assert browser.get(link).status_code == 410
    token = link.rsplit("/", 1)[1]
    register = {"name": "Erin", "email": "erin@example.com", "password": PASSWORD, "invitation": token}
    assert browser.submit("/app/register", **register).status_code == 422
    assert invitations.list_invitations(cast.workspace.id) == []


def test_it_is_shown_that_an_invitation_has_expired(cast: Cast, client: Client):
    factories.make_invitation(cast.workspace, sent_at=clock.now() - timedelta(days=8))
    client.sign_in(cast.alice)
    assert "Expired" in client.get(HERE).text


def test_an_expired_link_lets_nobody_in(cast: Cast, client: Client, app: Flask, newest_link, monkeypatch):
    client.sign_in(cast.alice)
    with monkeypatch.context() as eight_days_ago:
        then = int(clock.now().timestamp()) - 8 * 86_400
        eight_days_ago.setattr(TimestampSigner, "get_timestamp", lambda _: then)
        invitations.invite(
            cast.workspace.id, email="charlie@example.com", role=Role.AGENT, by=cast.alice, by_role=Role.OWNER
        )
        link = newest_link()
    charlie = app.test_client()
    charlie.sign_in(cast.charlie)
    refused = charlie.submit(link, page="/app/settings")
    assert (charlie.get(link).status_code, refused.status_code) == (410, 400)
    assert "expired" in refused.text
    assert member_of(cast.charlie, cast.workspace) is None


def test_mails_are_counted(cast: Cast, client: Client):
    waiting = factories.make_invitation(cast.workspace)
    client.sign_in(cast.alice)
    for _ in range(4):
        client.submit(f"{HERE}/invitations/{waiting.id}/again", page=HERE)
    assert "Too many tries" in client.get(HERE).text


def test_admins_do_not_touch_the_invitation_of_an_owner(cast: Cast):
    waiting = factories.make_invitation(cast.workspace, role=Role.OWNER)
    with pytest.raises(Forbidden):
        invitations.send_again(cast.workspace.id, waiting.id, by=cast.bob, by_role=Role.ADMIN)
    with pytest.raises(Forbidden):
        invitations.withdraw(cast.workspace.id, waiting.id, by_role=Role.ADMIN)


def test_a_workspace_is_handed_over(cast: Cast, client: Client):
    bob = member_of(cast.bob, cast.workspace)
    client.sign_in(cast.alice)
    client.submit(f"{HERE}/{bob.id}/transfer", page=HERE)
    assert member_of(cast.bob, cast.workspace).role is Role.OWNER
    assert member_of(cast.alice, cast.workspace).role is Role.ADMIN
    # Once it is handed over, the former owner cannot do it again.
    assert client.submit(f"{HERE}/{bob.id}/transfer", page=HERE).status_code == 403


def test_it_is_handed_over_by_its_owner_to_another_member_only(cast: Cast):
    here = cast.workspace.id
    alice, bob = member_of(cast.alice, cast.workspace), member_of(cast.bob, cast.workspace)
    with pytest.raises(Conflict):
        workspaces.transfer_ownership(here, alice.id, user_id=cast.alice.id)
    with pytest.raises(Forbidden):
        workspaces.transfer_ownership(here, alice.id, user_id=cast.bob.id)
    with pytest.raises(NotFound):
        workspaces.transfer_ownership(here, member_of(cast.charlie, cast.other_workspace).id, user_id=cast.alice.id)
    assert member_of(cast.bob, cast.workspace).role is bob.role


def test_what_a_removed_person_had_is_nobodys(cast: Cast, client: Client, session):
    bob = member_of(cast.bob, cast.workspace)
    channel, contact = factories.make_channel(cast.workspace), factories.make_contact(cast.workspace)
    thread = factories.make_conversation(channel, contact, assignee_id=bob.id)
    client.sign_in(cast.alice)
    client.submit(f"{HERE}/{bob.id}/remove", page=HERE)
    session.expire_all()
    assert thread.assignee_id is None
    assert session.get(type(thread), thread.id) is thread


# ---------------------------------------------------------------- pictures


PNG = png(8, 8)
PLACE = b"GPS 33 55 S 18 25 E"


def choose(client: Client, content: bytes, name: str = "me.png"):
    fields = {"csrf_token": client.csrf_token(PROFILE), "picture": (io.BytesIO(content), name)}
    client.post(f"{PROFILE}/picture", data=fields, content_type="multipart/form-data")
    return client.get(PROFILE).text


def test_a_picture_is_shown_to_those_one_works_with(cast: Cast, client: Client, app: Flask):
    client.sign_in(cast.bob)
    page = choose(client, png(8, 8, (b"tEXt", b"Comment\x00" + PLACE)))
    address = re.search(r'src="(/app/people/\d+/picture[^"]*)"', page).group(1)
    with client.get(address) as answer:
        assert (answer.data, answer.mimetype) == (PNG, "image/png")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    alice, charlie = app.test_client(), app.test_client()
    alice.sign_in(cast.alice)
    with alice.get(address) as answer:
        assert answer.status_code == 200
    assert address.split("?")[0] in alice.get(HERE).text
    charlie.sign_in(cast.charlie)
    assert charlie.get(address).status_code == 404
    client.submit(f"{PROFILE}/picture/remove", page=PROFILE)
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg onload=alert(1)>", "JPEG, PNG or WebP"),
        (b"", "JPEG, PNG or WebP"),
        (PNG[:-5], "broken or ends too early"),
        (PNG + bytes(1000), "larger than 1 MB"),
    ],
)
def test_what_is_no_small_picture_is_refused(cast: Cast, client: Client, monkeypatch, content: bytes, words: str):
    # The test's own client spools what is really large into a file that it does not close.
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    client.sign_in(cast.bob)
    page = choose(client, content)
    assert words in page
    assert "/picture?v=" not in page


# ---------------------------------------------------------------- who may do what


def test_every_guarded_view_is_in_the_table_with_its_role(app: Flask):
    wrong = []
    for endpoint, view in app.view_functions.items():
        role = getattr(view, "required_role", None)
        if role is not None and least_role(endpoint) is not role:
            wrong.append(f"{endpoint} asks for {role}, the table says {least_role(endpoint)}")
    assert not wrong, "blueprints/permissions.py: " + "\n".join(wrong)


def test_every_changing_route_asks_for_a_role_or_says_why_not(app: Flask):
    changing = {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) & set(CHANGING)}
    guarded = {endpoint for endpoint in changing if (endpoint.rpartition(".")[0] or endpoint) not in PUBLIC}
    free = {one for one in guarded if getattr(app.view_functions[one], "required_role", None) is None}
    assert sorted(free - OPEN_TO_AGENTS.keys()) == [], "give them @requires, or a reason in open_to_agents.py"
    assert sorted(OPEN_TO_AGENTS.keys() - free) == [], "they ask for a role, or are gone"


def test_the_table_names_nothing_that_is_not_there(app: Flask):
    blueprints = {endpoint.partition(".")[0] for endpoint in app.view_functions}
    named = [view for one in PERMISSIONS for view in one.views]
    assert [view for view in named if view.endswith(".*") and view[:-2] not in blueprints] == []
    assert [view for view in named if not view.endswith(".*") and view not in app.view_functions] == []


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN])
def test_the_guards_hold_every_route_to_the_table(cast: Cast, client: Client, app: Flask, monkeypatch, role: Role):
    """Role × route, over HTTP: refused exactly where the table says so."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    arguments = make_one_of_each(cast)
    ranks = {Role.AGENT: 1, Role.ADMIN: 2, Role.OWNER: 3}
    person = factories.make_user()
    factories.make_member(cast.workspace, person, role)
    browser, program, wrong = app.test_client(), client.api(person), []
    browser.sign_in(person)
    for route in list_routes(app, arguments):
        view = app.view_functions[route.endpoint]
        needed = getattr(view, "required_role", None)
        if route.blueprint in PUBLIC or needed is None or ranks[needed] <= ranks[role]:
            continue
        if route.address.startswith("/app"):
            answer = browser.open(route.address, method=route.method, data=route.fields)
        else:
            answer = program.call(route.method, "/" + route.address, route.fields if route.method in CHANGING else None)
        if answer.status_code != 403:
            wrong.append(f"{route} answers {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_the_table_is_shown(cast: Cast, client: Client):
    client.sign_in(cast.bob)
    page = client.get(HERE).text
    assert all(one.words.replace("&", "&amp;") in page for one in PERMISSIONS)

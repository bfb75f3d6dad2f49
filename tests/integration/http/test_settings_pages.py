"""Settings, members and keys in the browser: who may do what."""

import re

import pytest

from tests import factories
from tests.cast import PASSWORD, Cast
from tests.client import ApiClient, Client
from wotnot.models import Role
from wotnot.services import api_keys, workspaces


def member_of(cast: Cast, user) -> int:
    return workspaces.find_membership(user.id, cast.workspace.id).id


def test_settings_are_saved_and_shown(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    answer = client.submit("/app/settings", name="Casa Azul", default_country="DE", timezone="Europe/Berlin")
    assert answer.status_code == 302
    assert 'value="Casa Azul"' in client.get("/app/settings").text
    saved = workspaces.find_membership(cast.alice.id, cast.workspace.id).workspace
    assert (saved.default_country, saved.timezone) == ("DE", "Europe/Berlin")


def test_settings_that_cannot_be_used_are_refused_field_by_field(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    answer = client.submit("/app/settings", name=" ", default_country="XX", timezone="Mars/Olympus")
    assert answer.status_code == 422
    assert "3 things to fix" in answer.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/app/settings", {"name": "Bob's"}),
        ("/app/settings/keys", {"name": "mine"}),
        ("/app/settings/members/invite", {"email": "x@example.com", "role": "agent"}),
        ("/app/settings/members/{alice}/role", {"role": "agent"}),
        ("/app/settings/members/{alice}/remove", {}),
    ],
)
def test_agents_look_and_change_nothing(cast: Cast, client: Client, path, fields):
    client.sign_in(cast.bob)
    path = path.format(alice=member_of(cast, cast.alice))
    answer = client.submit(path, page="/app/settings", **fields)
    assert answer.status_code == 403
    assert "Ask one of them" in answer.text


def test_agents_see_no_keys_but_their_profile(cast: Cast, client: Client):
    client.sign_in(cast.bob)
    assert client.get("/app/settings/keys").status_code == 403
    assert "API keys" not in client.get("/app/settings").text
    assert client.get("/app/settings/profile").status_code == 200


def test_roles_are_changed_and_the_last_owner_stays(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    bob, alice = member_of(cast, cast.bob), member_of(cast, cast.alice)
    members = "/app/settings/members"
    client.submit(f"{members}/{bob}/role", page=members, role="admin")
    assert workspaces.find_membership(cast.bob.id, cast.workspace.id).role is Role.ADMIN
    client.submit(f"{members}/{alice}/role", page=members, role="agent")
    assert "only owner" in client.get(members).text
    client.submit(f"{members}/leave", page=members)
    assert workspaces.find_membership(cast.alice.id, cast.workspace.id).role is Role.OWNER
    client.submit(f"{members}/{bob}/remove", page=members)
    assert workspaces.find_membership(cast.bob.id, cast.workspace.id) is None


def test_a_strangers_member_is_not_found(cast: Cast, client: Client):
    client.sign_in(cast.alice)
    charlie = workspaces.find_membership(cast.charlie.id, cast.other_workspace.id).id
    for act in ("role", "remove"):
        answer = client.submit(f"/app/settings/members/{charlie}/{act}", page="/app/settings", role="agent")
        assert answer.status_code == 404


def test_a_key_is_shown_once_works_and_is_stopped(cast: Cast, client: Client, app):
    client.sign_in(cast.alice)
    made = client.submit("/app/settings/keys", name="Web shop", access="all")
    key = re.search(r'value="(wn_live_[^"]+)"', made.text).group(1)
    assert key not in client.get("/app/settings/keys").text
    program = ApiClient(app.test_client(use_cookies=False), key)
    assert program.get("/me").json["workspace"]["name"] == "Casa Verde"
    row = api_keys.list_api_keys(cast.workspace.id).items[0]
    client.submit(f"/app/settings/keys/{row.id}/revoke", page="/app/settings/keys")
    assert program.get("/me").status_code == 401


def test_changing_the_password_keeps_this_session_and_ends_the_others(cast: Cast, client: Client, app):
    elsewhere = app.test_client()
    elsewhere.sign_in(cast.alice)
    client.sign_in(cast.alice)
    url = "/app/settings/profile/password"
    wrong = client.submit(url, page="/app/settings/profile", current="wrong", new="another long password")
    assert wrong.status_code == 422
    done = client.submit(url, page="/app/settings/profile", current=PASSWORD, new="another long password")
    assert done.status_code == 302
    assert client.get("/app/settings").status_code == 200
    assert elsewhere.get("/app/settings").status_code == 302


def test_signing_out_everywhere_ends_browsers_and_tokens(cast: Cast, client: Client):
    program = client.api(cast.alice)
    client.sign_in(cast.alice)
    client.submit("/app/settings/profile/end-sessions", page="/app/settings/profile")
    assert client.get("/app/settings").status_code == 302
    assert program.get("/me").status_code == 401


def test_one_switches_between_ones_own_workspaces_only(cast: Cast, client: Client):
    second = factories.make_workspace(name="Casa Blanca")
    factories.make_member(second, cast.alice, Role.ADMIN)
    client.sign_in(cast.alice)
    assert client.submit(f"/app/workspaces/{second.id}/switch", page="/app/settings").status_code == 302
    assert 'value="Casa Blanca"' in client.get("/app/settings").text
    strange = client.submit(f"/app/workspaces/{cast.other_workspace.id}/switch", page="/app/settings")
    assert strange.status_code == 404


def test_who_is_in_no_workspace_makes_one(session, client: Client):
    lonely = factories.make_user(name="Dana")
    client.sign_in(lonely)
    assert client.get("/app/").location == "/app/workspaces/new"
    made = client.submit("/app/workspaces/new", name="Dana's", default_country="ZA", timezone="Africa/Johannesburg")
    assert made.status_code == 302
    assert "Dana&#39;s" in client.get("/app/").text


def test_a_page_costs_the_same_number_of_queries_however_many_members(cast: Cast, client: Client, count_queries):
    client.sign_in(cast.alice)
    with count_queries() as few:
        client.get("/app/settings/members")
    for _ in range(20):
        factories.make_member(cast.workspace, factories.make_user())
    with count_queries() as many:
        client.get("/app/settings/members")
    assert len(few) == len(many) <= 4

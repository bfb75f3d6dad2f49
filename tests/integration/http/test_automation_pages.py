"""Consent words and automatic answers in the browser."""

import re
from datetime import time
from typing import Any

import pytest

from tests.cast import Cast
from tests.client import Client
from tests.factories import make_automation
from wotnot.services import automation, consent_replies

RULES = "/app/settings/automation"
WORDS = "/app/settings/consent"


def test_a_rule_is_made_changed_moved_switched_and_deleted(cast: Cast, client: Client, session: Any) -> None:
    client.sign_in(cast.alice)
    assert "Nothing is answered by itself yet" in client.get(RULES).text
    form = f"{RULES}/new?kind=keyword"
    fields = {"kind": "keyword", "match": "contains", "words": "hours\nopen", "body": "Nine to five."}
    assert client.submit(f"{RULES}/new", page=form, **fields, cooldown_minutes="60").status_code == 302
    first = make_automation(cast.workspace, position=9)
    (rule, _) = automation.list_automations(cast.workspace.id)
    shown = client.get(f"{RULES}/{rule.id}").text
    assert "hours\nopen" in shown
    client.submit(f"{RULES}/{rule.id}", **fields | {"body": "Ten to six."}, cooldown_minutes="45")
    assert "45 minutes" in client.get(f"{RULES}/{rule.id}").text
    client.submit(f"{RULES}/{first.id}/move", page=RULES, up="1")
    client.submit(f"{RULES}/{rule.id}/switch", page=RULES, on="0")
    session.expire_all()
    after = [(one.id, one.is_on) for one in automation.list_automations(cast.workspace.id)]
    assert after == [(first.id, True), (rule.id, False)]
    assert "Ten to six." in client.get(RULES).text
    client.submit(f"{RULES}/{rule.id}/delete", page=RULES)
    assert [one.id for one in automation.list_automations(cast.workspace.id)] == [first.id]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "keyword", "match": "pattern", "words": "(oops", "body": "Hi"}, "This pattern cannot be read"),
        ({"kind": "keyword", "match": "exact", "words": "unsubscribe", "body": "Hi"}, "opts out or in"),
        ({"kind": "greeting", "body": ""}, "Write the answer"),
        ({"kind": "nonsense", "body": "Hi"}, "Choose what the rule answers"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    cast: Cast, client: Client, fields: dict[str, str], said: str
) -> None:
    client.sign_in(cast.alice)
    answer = client.submit(f"{RULES}/new", page=f"{RULES}/new", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert fields.get("words", "") in answer.text
    assert automation.list_automations(cast.workspace.id) == []


def test_a_message_is_tried_as_a_page_and_as_a_part(cast: Cast, client: Client) -> None:
    client.sign_in(cast.bob)
    make_automation(cast.workspace, body="Welcome to {{business}}.")
    whole = client.get(f"{RULES}?say=Hi&first=1").text
    assert f"Welcome to {cast.workspace.name}." in whole
    assert "<html" in whole
    part = client.get(f"{RULES}?say=Hi", headers={"HX-Request": "true"}).text
    assert "No rule answers" in part
    assert "<html" not in part
    assert "This opts out" in client.get(f"{RULES}?say=STOP!").text


def test_hours_are_kept_and_refused_by_day(cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    wrong = client.submit(f"{RULES}/hours", page=RULES, day_0="1", opens_0="17:00", closes_0="17:00")
    assert (wrong.status_code, "Monday: both times are the same" in wrong.text) == (422, True)
    assert 'value="17:00"' in wrong.text
    client.submit(f"{RULES}/hours", page=RULES, day_0="1", opens_0="08:30", closes_0="00:00")
    assert set(automation.get_hours(cast.workspace.id)) == {0}
    shown = client.get(RULES).text
    assert 'value="08:30"' in shown
    assert 'value="00:00"' in shown


def test_hours_over_midnight_are_kept_and_said_in_words(cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    night = {"day_4": "1", "opens_4": "18:00", "closes_4": "02:00"}
    saved = client.submit(f"{RULES}/hours", page=RULES, **night, day_5="1", opens_5="18:00", closes_5="00:00")
    assert saved.status_code == 302
    kept = automation.get_hours(cast.workspace.id)
    assert kept == {4: (time(18), time(2)), 5: (time(18), time.max)}
    page = " ".join(client.get(RULES).text.split())
    assert ends_on(page, 4) == "the next day"
    assert [ends_on(page, day) for day in (0, 5, 6)] == ["", "", ""]
    assert "Friday, 18:00 to 02:00, ends on Saturday at 02:00" in page
    # What was refused for another day still says it.
    wrong = client.submit(f"{RULES}/hours", page=RULES, **night, day_6="1", opens_6="10:00", closes_6="10:00")
    assert wrong.status_code == 422
    assert ends_on(wrong.text, 4) == "the next day"
    assert automation.get_hours(cast.workspace.id) == kept


def ends_on(page: str, day: int) -> str:
    """What stands behind the closing time of a weekday."""
    found = re.search(rf'id="f-ends_{day}"[^>]*>([^<]*)<', page)
    assert found, f"no note for day {day}"
    return found[1].strip()


def test_words_and_answers_are_kept(cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    client.submit(WORDS, stop_words="Leave me\nadiós", start_words="", language="es", answers_stop="1")
    settings = consent_replies.get_settings(cast.workspace.id)
    assert (list(settings.stop_words), settings.language) == (["Leave me", "adiós"], "es")
    assert (settings.answers_stop, settings.answers_start) == (True, False)
    wrong = client.submit(WORDS, stop_words="start", start_words="", language="es")
    assert wrong.status_code == 422
    assert "already means the opposite" in wrong.text
    client.submit(f"{WORDS}/answers/es", stop="Adiós de {{business}}.", start="")
    assert "Adiós de {{business}}." in client.get(f"{WORDS}/answers/es").text
    assert "Yours" in client.get(WORDS).text
    client.submit(f"{WORDS}/answers/es", stop="", start="")
    assert consent_replies.get_settings(cast.workspace.id).texts == {}
    assert client.get(f"{WORDS}/answers/xx").status_code == 404


@pytest.mark.parametrize("path", [RULES + "/hours", WORDS, WORDS + "/answers/en", RULES + "/{rule}/delete"])
def test_agents_look_and_change_nothing(cast: Cast, client: Client, path: str) -> None:
    rule = make_automation(cast.workspace)
    client.sign_in(cast.bob)
    assert client.get(RULES).status_code == 200
    assert client.get(WORDS).status_code == 200
    assert client.submit(path.format(rule=rule.id), page="/app/settings", stop="x").status_code == 403

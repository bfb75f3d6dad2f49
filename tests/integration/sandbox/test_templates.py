"""Templates: the rules at creation, review, paging, editing and deleting."""

from typing import Any

import pytest

from tests.integration.sandbox.support import WABA, Api, Receiver, wait_for

PATH = f"/v24.0/{WABA}/message_templates"
HANDLE = "4:aA==:aW1hZ2UvanBlZw==:ARabc"


def text(body: str, *samples: str) -> dict[str, Any]:
    return {"type": "BODY", "text": body} | ({"example": {"body_text": [list(samples)]}} if samples else {})


def draft(*components: Any, **fields: Any) -> dict[str, Any]:
    return {
        "name": "autumn_news", "language": "en_US", "category": "UTILITY",
        "components": list(components) or [text("Hello there")], **fields,
    }  # fmt: skip


def buttons(*given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(given)}


QUICK = {"type": "QUICK_REPLY", "text": "Yes"}
LINK = {"type": "URL", "text": "Go", "url": "https://x.example/"}
BODY = text("Hello there")

BAD: list[tuple[str, dict[str, Any], int | None]] = [
    ("capital in the name", draft(name="Autumn"), None),
    ("no language", draft(language=""), None),
    ("unknown category", draft(category="NEWS"), None),
    ("no components", {"name": "a", "language": "en", "category": "UTILITY"}, 2388043),
    ("no body", draft({"type": "FOOTER", "text": "x"}), 2388072),
    ("two bodies", draft(BODY, BODY), None),
    ("long body", draft(text("x" * 1025)), 2388040),
    ("variable at the start", draft(text("{{1}} is here today", "Ana")), 2388299),
    ("variable at the end", draft(text("Good morning dear {{1}}", "Ana")), 2388299),
    ("no samples", draft(text("Hello {{1}}, good morning")), 2388043),
    ("too few samples", draft(text("Hello {{1}}, see you {{2}} at nine", "Ana")), 2388043),
    ("gap in the numbers", draft(text("Hello {{2}}, good morning", "Ana")), 2388072),
    ("named where numbers belong", draft(text("Hello {{name}}, good morning", "Ana")), 2388072),
    ("broken braces", draft(text("Hello {{1}, good morning", "Ana")), 2388072),
    ("adjacent variables", draft(text("Hello {{1}} {{2}}, good morning dear", "a", "b")), 2388072),
    ("mostly variables", draft(text("a {{1}} b {{2}} c {{3}} d", "x", "y", "z")), 2388293),
    ("long header", draft({"type": "HEADER", "format": "TEXT", "text": "x" * 61}, BODY), 2388040),
    ("two header variables", draft({"type": "HEADER", "format": "TEXT", "text": "{{1}} {{2}}"}, BODY), 2388047),
    ("header format", draft({"type": "HEADER", "format": "SONG"}, BODY), 2388047),
    ("image without sample", draft({"type": "HEADER", "format": "IMAGE"}, BODY), 2388043),
    ("long footer", draft(BODY, {"type": "FOOTER", "text": "x" * 61}), 2388040),
    ("variable in the footer", draft(BODY, {"type": "FOOTER", "text": "a {{1}} b"}), 2388073),
    ("eleven buttons", draft(BODY, buttons(*[QUICK] * 11)), None),
    ("three links", draft(BODY, buttons(LINK, LINK, LINK)), None),
    ("mixed buttons", draft(BODY, buttons(QUICK, LINK, QUICK)), None),
    ("long label", draft(BODY, buttons({"type": "QUICK_REPLY", "text": "x" * 26})), None),
    ("variable inside the address", draft(BODY, buttons(LINK | {"url": "https://x.example/{{1}}/a", "example": ["a"]})), None),
    ("address without example", draft(BODY, buttons(LINK | {"url": "https://x.example/{{1}}"})), 2388043),
    ("address that is none", draft(BODY, buttons(LINK | {"url": "javascript:alert(1)"})), None),
    ("already there", draft(name="hello_world"), 2388024),
    ("authentication without code button", draft({"type": "BODY"}, category="AUTHENTICATION"), None),
]  # fmt: skip


@pytest.mark.parametrize(("data", "subcode"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_refused_templates(api: Api, data: dict[str, Any], subcode: int | None) -> None:
    answer = api.post(PATH, data)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("error_subcode")) == (400, 100, subcode), error
    assert error["error_user_title"]
    assert error["error_user_msg"]


def test_review_approves_and_tells(api: Api, receiver: Receiver) -> None:
    created = api.post(PATH, draft(text("Hello {{1}}, good morning", "Ana"))).json()
    assert (created["status"], created["category"]) == ("PENDING", "UTILITY")
    value = wait_for(lambda: receiver.of_field("message_template_status_update"))[0]
    assert value["event"] == "APPROVED"
    assert value["message_template_id"] == int(created["id"])
    assert value["reason"] == "NONE"
    assert api.get(f"/{created['id']}?fields=status,quality_score").json()["status"] == "APPROVED"
    assert api.send_template("+27825551234", "Ana", name="autumn_news", language="en_US").status_code == 200


def test_review_rejects(api: Api, receiver: Receiver) -> None:
    created = api.post(PATH, draft(name="please_reject_me")).json()
    value = wait_for(lambda: receiver.of_field("message_template_status_update"))[0]
    assert (value["event"], value["reason"]) == ("REJECTED", "INVALID_FORMAT")
    assert value["rejection_info"]["recommendation"]
    assert api.get(f"/{created['id']}?fields=rejected_reason").json()["rejected_reason"] == "INVALID_FORMAT"
    assert api.send_template("+27825551234", name="please_reject_me", language="en_US").status_code == 404


def test_review_leaves_a_name_with_wait_alone(api: Api, receiver: Receiver) -> None:
    waiting = api.post(PATH, draft(name="waiting_list")).json()
    api.post(
        PATH, draft(name="please_reject_me")
    )  # submitted later, so its verdict proves that the other's time was up
    assert wait_for(lambda: receiver.of_field("message_template_status_update"))[0]["event"] == "REJECTED"
    assert api.get(f"/{waiting['id']}?fields=status").json()["status"] == "PENDING"


def test_pending_templates_cannot_be_sent(api: Api) -> None:
    api.set(review_after_s=60)
    api.post(PATH, draft())
    assert api.send_template("+27825551234", name="autumn_news", language="en_US").json()["error"]["code"] == 132001


def test_advertising_is_not_utility(api: Api) -> None:
    assert api.post(PATH, draft(text("Get 20% off until Friday"))).json()["category"] == "MARKETING"


def test_pages(api: Api) -> None:
    for i in range(30):
        assert api.post(PATH, draft(name=f"news_{i}")).status_code == 200
    names, url = [], f"{api.url}{PATH}?limit=7&fields=name,status"
    while url:
        page = api.session.get(url, timeout=5).json()
        names += [t["name"] for t in page["data"]]
        assert set(page["data"][0]) == {"name", "status", "id"}
        url = page["paging"].get("next")
    assert len(names) == len(set(names)) == 38
    assert names[0] == "news_29"
    assert len(api.get(PATH).json()["data"]) == 25
    assert [t["name"] for t in api.get(f"{PATH}?name=news_7").json()["data"]] == ["news_7"]
    assert {t["status"] for t in api.get(f"{PATH}?status=PAUSED").json()["data"]} == {"PAUSED"}
    assert api.get(f"{PATH}?after=%%%").json()["error"]["code"] == 131059


def test_hundred_creations_an_hour(api: Api) -> None:
    api.set(template_creations_per_hour=2)
    codes = [api.post(PATH, draft(name=f"news_{i}")).status_code for i in range(3)]
    assert codes == [200, 200, 400]


def test_edit_goes_back_to_review(api: Api) -> None:
    template_id = api.post(PATH, draft()).json()["id"]
    assert api.post(f"/{template_id}", {"components": [text("Changed")]}).json()["error"]["error_subcode"] == 2388039
    wait_for(lambda: api.get(f"/{template_id}").json()["status"] == "APPROVED")
    api.set(review_after_s=60)
    assert api.post(f"/{template_id}", {"components": [text("Changed text")]}).json()["success"] is True
    shown = api.get(f"/{template_id}").json()
    assert (shown["status"], shown["components"][0]["text"]) == ("PENDING", "Changed text")


def test_an_edit_tells_the_new_words(api: Api, receiver: Receiver) -> None:
    template_id = api.post(PATH, draft()).json()["id"]
    wait_for(lambda: api.get(f"/{template_id}").json()["status"] == "APPROVED")
    shop = {"type": "URL", "text": "Shop", "url": "https://shop.example"}
    footer = {"type": "FOOTER", "text": "Reply STOP"}
    api.post(f"/{template_id}", {"components": [text("Changed text"), footer, buttons(shop)]})
    (value,) = wait_for(lambda: receiver.of_field("message_template_components_update"))
    assert value == {
        "message_template_id": int(template_id),
        "message_template_name": "autumn_news",
        "message_template_language": "en_US",
        "message_template_element": "Changed text",
        "message_template_footer": "Reply STOP",
        "message_template_buttons": [
            {
                "message_template_button_type": "URL",
                "message_template_button_text": "Shop",
                "message_template_button_url": "https://shop.example",
            }
        ],
    }
    wait_for(lambda: api.get(f"/{template_id}").json()["status"] == "APPROVED")


def test_approved_templates_are_edited_once_a_day(api: Api) -> None:
    template_id = api.post(PATH, draft()).json()["id"]
    for expected in (200, 400):
        wait_for(lambda: api.get(f"/{template_id}").json()["status"] == "APPROVED")
        assert api.post(f"/{template_id}", {"components": [text("Changed text")]}).status_code == expected


def test_delete(api: Api) -> None:
    first = api.post(PATH, draft(language="en_US")).json()["id"]
    api.post(PATH, draft(language="de"))
    assert api.delete(f"{PATH}?hsm_id={first}").status_code == 400
    assert api.delete(f"{PATH}?name=autumn_news&hsm_id={first}").json() == {"success": True}
    assert [t["language"] for t in api.get(f"{PATH}?name=autumn_news").json()["data"]] == ["de"]
    wait_for(lambda: api.get(f"{PATH}?name=autumn_news").json()["data"][0]["status"] == "APPROVED")
    assert api.delete(f"{PATH}?name=autumn_news").json() == {"success": True}
    assert api.delete(f"{PATH}?name=autumn_news").status_code == 400
    assert api.post(PATH, draft()).json()["error"]["error_subcode"] == 2388023


def test_meta_changes_a_template(api: Api, receiver: Receiver) -> None:
    template_id = api.get(f"{PATH}?name=feedback_request").json()["data"][0]["id"]
    api.post(f"/sandbox/templates/{template_id}", {"status": "PAUSED", "title": "FIRST_PAUSE"})
    value = wait_for(lambda: receiver.of_field("message_template_status_update"))[0]
    assert (value["event"], value["other_info"]["title"]) == ("PAUSED", "FIRST_PAUSE")
    assert api.send_template("+27825551234").json()["error"]["code"] == 132015
    assert api.post(f"/{template_id}/unpause").json() == {"success": True}
    api.post(f"/sandbox/templates/{template_id}", {"category": "MARKETING", "quality": "RED"})
    assert wait_for(lambda: receiver.of_field("template_category_update"))[0]["new_category"] == "MARKETING"
    assert wait_for(lambda: receiver.of_field("message_template_quality_update"))[0]["new_quality_score"] == "RED"

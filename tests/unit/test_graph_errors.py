"""Meta's refusals: every code of its reference has a kind, and every shape of the envelope is read."""

import json
from typing import Any

import pytest

from wotnot.services.whatsapp.error_codes import TABLE
from wotnot.services.whatsapp.errors import ErrorKind, fault_of_status, parse_fault, plain_words

# The codes of Meta's reference that have a documented answer, with what each must mean for the sender.
EXPECTED = {
    ErrorKind.AUTH: [0, 3, 10, 190, 200, 215, 299, 131005],
    ErrorKind.THROTTLED: [4, 613, 80007, 130429, 131056],
    ErrorKind.TRANSIENT: [1, 2, 131000, 131016, 131057, 133004, 2494100],
    ErrorKind.DEFERRED: [131049, 131064, 132069, 133008, 133009, 133015, 133016, 134101],
    ErrorKind.RECIPIENT: [130403, 130472, 130497, 131020, 131021, 131026, 131030, 131047, 131062, 131070, 137000],
    ErrorKind.OPTED_OUT: [131050],
    ErrorKind.CONTENT: [
        *(
            100,
            131008,
            131009,
            131051,
            131052,
            131053,
            131055,
            131059,
            131061,
            131063,
            131065,
            132000,
            132005,
            132008,
            132012,
        ),
        *(132018, 134011, 134100, 135000, 2388019, 2388023, 2388024, 2388039, 2388040, 2388047, 2388072, 2388073),
        *(2388293, 2388299, 1752041),
    ],
    ErrorKind.POLICY: [33, 368, 131031, 131037, 131042, 131044, 131045, 131048, 133000, 133005, 133006, 133010],
    ErrorKind.TEMPLATE: [132001, 132007, 132015, 132016, 132068, 134102],
}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in EXPECTED.items() for code in codes])
def test_each_code_has_its_kind_wherever_it_comes_from(kind: ErrorKind, code: int) -> None:
    synchronous = parse_fault(400, json.dumps({"error": {"message": "x", "code": code}}).encode())
    by_webhook = fault_of_status({"code": code, "title": "x"})
    assert (synchronous.kind, by_webhook.kind) == (kind, kind)


def test_every_code_in_the_table_is_expected_here_and_speaks_plainly() -> None:
    expected = {code for codes in EXPECTED.values() for code in codes}
    assert set(TABLE) <= expected
    for code in TABLE:
        words = plain_words(code)
        assert words.title[0].isupper(), code
        assert not words.title.endswith("."), code
        assert words.advice.endswith("."), code
        assert str(code) not in words.title + words.advice, code


def envelope(**members: Any) -> bytes:
    return json.dumps({"error": {"message": "(#132012) Parameter format", "code": 132012, **members}}).encode()


@pytest.mark.parametrize(
    ("members", "details"),
    [
        ({"error_data": {"messaging_product": "whatsapp", "details": "body: line break"}}, "body: line break"),
        ({"error_data": "body: line break"}, "body: line break"),
        ({"error_data": None}, "(#132012) Parameter format"),
        ({"error_data": ["odd"]}, "(#132012) Parameter format"),
    ],
)
def test_details_are_read_from_either_shape(members: dict[str, Any], details: str) -> None:
    assert parse_fault(400, envelope(**members)).details == details


@pytest.mark.parametrize("place", ["code", "error_subcode"])
def test_a_template_error_is_known_as_code_and_as_subcode(place: str) -> None:
    error = {"message": "Invalid parameter", "code": 100, place: 2388299}
    fault = parse_fault(400, {"error": error | {"error_user_title": "Bad", "error_user_msg": "No edge."}})
    assert fault.kind is ErrorKind.CONTENT
    assert fault.title == "A variable stands at the edge"
    assert fault.meta_words == "Bad. No edge."


def test_an_object_that_the_token_cannot_see_is_the_tokens_matter() -> None:
    fault = parse_fault(400, {"error": {"message": "Unsupported get request", "code": 100, "error_subcode": 33}})
    assert fault.kind is ErrorKind.AUTH
    assert "not visible" in fault.title


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, "transient"),
        (502, "transient"),
        (503, "transient"),
        (400, "content"),
        (404, "content"),
        (401, "auth"),
        (429, "throttled"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[]", b"null", b'{"error": "no"}', b"\xff\xfe", b"[" * 100_000]
)
def test_garbage_is_judged_by_its_status(status: int, kind: str, body: bytes) -> None:
    fault = parse_fault(status, body)
    assert fault.kind == kind
    assert fault.code is None


def test_unknown_codes_are_judged_by_status_and_by_metas_own_flag() -> None:
    assert parse_fault(500, {"error": {"code": 999_999}}).kind is ErrorKind.TRANSIENT
    assert parse_fault(400, {"error": {"code": 999_999}}).kind is ErrorKind.CONTENT
    assert parse_fault(400, {"error": {"code": 999_999, "is_transient": True}}).kind is ErrorKind.TRANSIENT
    assert plain_words(999_999).title == "Refused by Meta"
    assert plain_words(None).title == "No answer from Meta"


def test_what_meta_says_can_be_stored() -> None:
    fault = parse_fault(400, {"error": {"code": "131026", "message": "a\x00b" + "c" * 5000, "error_user_msg": 7}})
    assert fault.code == 131026
    assert "\x00" not in fault.details
    assert len(fault.details) <= 1000
    assert fault.user_message == ""

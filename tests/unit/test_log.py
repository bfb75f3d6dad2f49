"""No line of the log holds a phone number or a token."""

import json
import logging
import sys

import pytest

from wotnot import log


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to +27821234567 now", "to …4567 now"),
        ("to 27821234567", "to …4567"),
        ("+27 82 123 4567", "…4567"),
        ("to=27821234567&x", "to=…4567&x"),
        ("message 12345678 of broadcast 7", "message 12345678 of broadcast 7"),
        ("at 10:30:00 it took 0.123456789012 s", "at 10:30:00 it took 0.123456789012 s"),
        ("Bearer EAAGabc.def-1", "Bearer …"),
        ("GET /x?access_token=abc&y=1", "GET /x?access_token=…&y=1"),
        (
            "/oauth/access_token?client_id=1&client_secret=abc&fb_exchange_token=def",
            "/oauth/access_token?client_id=1&client_secret=…&fb_exchange_token=…",
        ),
        ("consumer_key=ck_1&consumer_secret=cs_2", "consumer_key=…&consumer_secret=…"),
        ("{'X-API-Key': 'abc-1', 'Accept': '*/*'}", "{'X-API-Key': '…', 'Accept': '*/*'}"),
        ('{"password": "correct-horse", "n": 1}', '{"password": "…", "n": 1}'),
        ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
        ("refused wn_live_a1B2c3d4e5f6", "refused …"),
        ("token EAAGm0PX4ZCpsBO7 has expired", "token … has expired"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl ended", "… ended"),
        ("ck_0123456789abcdef and cs_0123456789abcdef", "… and …"),
        (
            "could not connect to postgresql://wotnot:pass@db:5432/wotnot",
            "could not connect to postgresql://…@db:5432/wotnot",
        ),
        ("GET /app/reset/ImFsaWNlIg.aSg.x7 failed", "GET /app/reset/… failed"),
        ("error_code=131026 status=failed", "error_code=131026 status=failed"),
        ("the token is not valid", "the token is not valid"),
    ],
)
def test_numbers_and_tokens_are_cut(text: str, expected: str) -> None:
    assert log.redact(text) == expected


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "wotnot.x", "levelno": 30, "levelname": "WARNING", "msg": message})
    made.__dict__.update(extra)
    return made


def test_json_lines_carry_the_extras_redacted() -> None:
    line = json.loads(log.JsonFormatter().format(record("gone", broadcast_id=7, phone="+27821234567", n=27821234567)))
    assert (line["message"], line["level"], line["broadcast_id"]) == ("gone", "warning", 7)
    assert (line["phone"], line["n"]) == ("…4567", "…4567")


def test_an_exception_is_logged_redacted() -> None:
    try:
        {}["+27821234567?access_token=EAAGsecretsecret"]
    except KeyError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    for formatter in (log.JsonFormatter(), log.TextFormatter()):
        text = formatter.format(made)
        assert "…4567" in text
        assert "27821234567" not in text
        assert "secretsecret" not in text

"""Settings with their keys, and messages written by the sandbox in a model's place."""

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, text

from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import AiCall, AiProvider, AiSetting
from wotnot.services import ai_settings, message_writer
from wotnot.services.ai.prompts import Brief, Draft
from wotnot.services.template_rules import check_template

KEY = "sandbox-alices-own-key-9876"
BRIEF = Brief(
    business="Casa Verde", goal="Invite people to the spring sale", variables=("first_name", "city"), has_emoji=True
)


@pytest.fixture(autouse=True)
def _configured(ai_server: Any) -> None:
    """Every test here needs it."""


@pytest.fixture(autouse=True)
def _readable(session: Any, cast: Cast) -> None:
    """The services give their connection back, after which nobody of the cast could be asked for an id any more."""
    for one in (cast.workspace, cast.other_workspace, cast.alice):
        session.refresh(one)
        session.expunge(one)


def save(cast: Cast, **changes: Any) -> ai_settings.AiSetup:
    fields: dict[str, Any] = {"provider": "gemini", "model": "gemini-2.5-flash", "api_key": KEY}
    return ai_settings.save_settings(cast.workspace.id, **fields | changes)


def outcomes(session: Any) -> list[str]:
    return list(session.scalars(select(AiCall.outcome).order_by(AiCall.id)))


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("provider", ["gemini", "openrouter"])
def test_a_key_is_tried_encrypted_and_masked(session: Any, cast: Cast, provider: str) -> None:
    setup = save(cast, provider=provider)

    assert (setup.source, setup.key_hint) == ("workspace", "9876")
    assert setup.checked_at is not None
    assert KEY not in repr(setup)
    row = session.execute(text("SELECT * FROM ai_settings")).one()
    assert KEY not in str(row)
    assert ai_settings.get_writer(cast.workspace.id).api_key == KEY


def test_a_refused_key_is_not_saved(session: Any, cast: Cast, sandbox: SandboxControl) -> None:
    for path in ("enerateContent", "chat/completions"):
        body = {"error": {"code": 401, "message": "No."}}
        sandbox.post("/sandbox/faults", {"kind": "error", "on": path, "status": 401, "body": body, "count": 5})
    for provider in ("gemini", "openrouter"):
        with pytest.raises(Invalid) as caught:
            save(cast, provider=provider)
        assert list(caught.value.errors) == ["api_key"]
    assert session.scalar(select(func.count()).select_from(AiSetting)) == 0


def test_two_workspaces_have_two_keys(cast: Cast) -> None:
    save(cast)
    other = {"provider": "openrouter", "model": "some/model", "api_key": "sandbox-charlies-key-1111"}
    ai_settings.save_settings(cast.other_workspace.id, **other)

    mine, theirs = (ai_settings.get_writer(one.id) for one in (cast.workspace, cast.other_workspace))
    assert (mine.provider, mine.api_key) == (AiProvider.GEMINI, KEY)
    assert (theirs.provider, theirs.api_key) == (AiProvider.OPENROUTER, "sandbox-charlies-key-1111")
    ai_settings.remove_key(cast.other_workspace.id)
    assert ai_settings.get_setup(cast.workspace.id).key_hint == "9876"
    assert ai_settings.get_setup(cast.other_workspace.id).source == "server"


def test_a_key_stays_until_provider_or_address_change(cast: Cast, sandbox: SandboxControl) -> None:
    save(cast)
    assert save(cast, api_key="", model="gemini-2.5-pro").key_hint == "9876"
    assert save(cast, api_key="", provider="openrouter").source == "server"

    custom = {"provider": "custom", "model": "llama", "base_url": f"{sandbox.url}/v1"}
    save(cast, **custom)
    with pytest.raises(Invalid) as caught:
        save(cast, **custom | {"api_key": "", "base_url": "http://127.0.0.1:9/v1"})
    assert list(caught.value.errors) == ["api_key"]


def test_without_any_key_it_says_so(ai_server: Any, cast: Cast) -> None:
    ai_server(gemini_api_key="", openrouter_api_key="")
    assert ai_settings.get_setup(cast.workspace.id).source == "none"
    with pytest.raises(Conflict) as caught:
        message_writer.write_variants(cast.workspace.id, BRIEF)
    assert caught.value.code == "ai_off"


def test_the_servers_key_is_the_fallback_and_the_sandbox_is_named(ai_server: Any, cast: Cast) -> None:
    setup = ai_settings.get_setup(cast.workspace.id)
    assert (setup.source, setup.is_sandbox, setup.key_hint) == ("server", True, "")
    ai_server(gemini_api_key="")
    assert ai_settings.get_writer(cast.workspace.id).provider is AiProvider.OPENROUTER


def test_a_key_that_cannot_be_read_any_more_is_said(ai_server: Any, cast: Cast) -> None:
    save(cast)
    ai_server(encryption_keys=("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",))
    with pytest.raises(Conflict) as caught:
        ai_settings.get_writer(cast.workspace.id)
    assert caught.value.code == "ai_key_unreadable"


def test_a_real_key_goes_to_the_real_provider_also_where_the_sandbox_runs(cast: Cast) -> None:
    assert ai_settings._address(AiProvider.GEMINI, "AIza-real") == ai_settings.GEMINI_URL
    assert ai_settings._address(AiProvider.OPENROUTER, "sk-or-real") == ai_settings.OPENROUTER_URL
    assert ai_settings._address(AiProvider.GEMINI, KEY) != ai_settings.GEMINI_URL


@pytest.mark.parametrize(
    "address", ["ftp://x.example", "x", "", "http://127.0.0.1/v1", "http://10.1.2.3/v1", "http://[::1]/v1",
                "http://169.254.169.254/latest", "http://user:pass@1.1.1.1/v1", "http://localhost:1/v1"],
)  # fmt: skip
def test_a_server_of_ones_own_is_not_inside_this_network(ai_server: Any, cast: Cast, address: str) -> None:
    ai_server(allow_private_urls=False)
    with pytest.raises(Invalid) as caught:
        save(cast, provider="custom", model="llama", base_url=address)
    assert list(caught.value.errors) == ["base_url"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("provider", "bard"), ("model", "two words"), ("api_key", "schlüssel"), ("monthly_token_cap", "-1"),
     ("monthly_token_cap", "many"), ("monthly_token_cap", "99999999999999")],
)  # fmt: skip
def test_what_cannot_be_saved(cast: Cast, field: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        save(cast, **{field: value})
    assert list(caught.value.errors) == [field]


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("provider", ["gemini", "openrouter"])
def test_three_variants_that_meta_would_take(session: Any, cast: Cast, provider: str) -> None:
    save(cast, provider=provider)
    variants = message_writer.write_variants(cast.workspace.id, BRIEF, user_id=cast.alice.id)

    assert len({variant.draft.body for variant in variants}) == 3
    for variant in variants:
        findings = check_template(
            name="spring_sale",
            language="en",
            category="MARKETING",
            components=variant.components,
            parameter_format=variant.parameter_format,
        )
        assert [finding for finding in findings if finding.level == "error"] == []
        assert "{{first_name}}" in variant.draft.body
    call = session.scalars(select(AiCall)).one()
    assert (call.workspace_id, call.user_id, call.outcome, call.purpose) == (
        cast.workspace.id, cast.alice.id, "written", "variants",
    )  # fmt: skip
    usage = ai_settings.get_usage(cast.workspace.id)
    assert usage.tokens > 0
    assert (usage.cost_micros is None) == (provider == "gemini")
    assert ai_settings.get_usage(cast.other_workspace.id).call_count == 0


def test_violations_go_back_to_the_model(session: Any, cast: Cast, sandbox: SandboxControl) -> None:
    sandbox.set(ai_trouble="violation")
    assert len(message_writer.write_variants(cast.workspace.id, BRIEF)) == 3
    assert outcomes(session) == ["written", "written"]


@pytest.mark.parametrize("trouble", ["violation_always", "not_json"])
def test_twice_at_most(session: Any, cast: Cast, sandbox: SandboxControl, trouble: str) -> None:
    sandbox.set(ai_trouble=trouble)
    with pytest.raises(Unavailable) as caught:
        message_writer.write_variants(cast.workspace.id, BRIEF)
    assert caught.value.code == "ai_unusable"
    assert outcomes(session) == ["written"] * 3


@pytest.mark.parametrize(
    ("trouble", "error", "outcome"),
    [("blocked", Invalid, "blocked"), ("too_long", Invalid, "long"), ("cut", Unavailable, "cut")],
)
def test_trouble_becomes_plain_words(
    session: Any, cast: Cast, sandbox: SandboxControl, *, trouble: str, error: type[Exception], outcome: str
) -> None:
    sandbox.set(ai_trouble=trouble)
    with pytest.raises(error, match=r"[Tt]ry again"):
        message_writer.write_variants(cast.workspace.id, BRIEF)
    assert outcomes(session) == [outcome]


def test_a_silent_model_holds_nobody_for_long(cast: Cast, sandbox: SandboxControl) -> None:
    sandbox.set(ai_trouble="silent")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        message_writer.write_variants(cast.workspace.id, BRIEF, budget_seconds=1.0)
    assert time.monotonic() - began < 3
    sandbox.set(ai_trouble="")


def test_the_cap_stops_before_the_next_call(session: Any, cast: Cast) -> None:
    save(cast, monthly_token_cap="1")
    message_writer.write_variants(cast.workspace.id, BRIEF)
    with pytest.raises(Conflict) as caught:
        message_writer.write_variants(cast.workspace.id, BRIEF)
    assert caught.value.code == "ai_cap"
    assert len(outcomes(session)) == 1
    message_writer.write_variants(cast.other_workspace.id, BRIEF)


@pytest.mark.parametrize("how", ["shorter", "warmer", "translate:Zulu"])
def test_a_variant_written_anew(cast: Cast, how: str) -> None:
    draft = message_writer.write_variants(cast.workspace.id, BRIEF)[0].draft
    anew = message_writer.rewrite(cast.workspace.id, draft, how, BRIEF)
    assert anew.draft.body != draft.body
    assert (len(anew.draft.body) < len(draft.body)) == (how == "shorter")
    assert "{{first_name}}" in anew.draft.body


@pytest.mark.parametrize("how", ["", "louder", "translate:"])
def test_other_rewriting_is_refused(cast: Cast, how: str) -> None:
    with pytest.raises(Invalid):
        message_writer.rewrite(cast.workspace.id, Draft("Hello there"), how, BRIEF)


@pytest.mark.parametrize(
    "changes",
    [{"goal": " "}, {"variables": ("First Name",)}, {"variables": ("1", "city")}, {"variables": tuple("abcdefg")}],
)
def test_a_brief_that_says_too_little_or_too_much(session: Any, cast: Cast, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        message_writer.write_variants(cast.workspace.id, replace(BRIEF, **changes))
    assert outcomes(session) == []

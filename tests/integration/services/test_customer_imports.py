"""A shop's customers become contacts: by their own country, without consent but from the box, page by page, never twice."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import factories
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Consent, ConsentEvent, Contact, CustomerImport, CustomerImportState, Message, Shop, ShopOrder
from wotnot.services import customer_imports, segments
from wotnot.services.woocommerce import client as woo

Move = Callable[[timedelta], None]
KEY = "wotnot_opt_in"
ANNELISE, MARCO, NALEDI = "4915123456789", "393471234567", "27825550142"


@pytest.fixture
def there(sandbox: SandboxControl) -> SandboxShop:
    """The sandbox's shop: six accounts and eighteen orders, of people in five countries; one has no number."""
    return SandboxShop(sandbox)


@pytest.fixture
def ids(cast: Cast, there: SandboxShop) -> tuple[int, int]:
    """(workspace, shop)."""
    return cast.workspace.id, factories.make_sandbox_shop(cast.workspace).id


def run(ids: tuple[int, int], key: str | None = KEY) -> CustomerImport:
    """Import them all."""
    import_id = customer_imports.start_import(*ids, opt_in_key=key).id
    customer_imports.run_import(import_id)
    return customer_imports.get_import(*ids, import_id)


def people() -> dict[str | None, tuple[str, Consent]]:
    """Name and consent by number."""
    rows = db.session.scalars(select(Contact).execution_options(populate_existing=True))
    return {row.phone: (row.name, row.consent) for row in rows}


def test_the_shop_says_how_many_there_are(ids: tuple[int, int]) -> None:
    assert customer_imports.look_at(*ids) == customer_imports.Offer(customers=6, orders=18)


def test_customers_and_buyers_become_contacts(ids: tuple[int, int], there: SandboxShop) -> None:
    there.place(first_name="Guest", last_name="Without Account", phone="082 555 0199", opt_in=True)
    there.place(first_name="Guest", last_name="Unasked", phone="082 555 0198", opt_in=False)
    done = run(ids)
    assert (done.state, done.reason) == (CustomerImportState.DONE, "")
    found = people()
    assert found[NALEDI] == ("Naledi Mokoena", Consent.OPTED_IN)
    assert found[ANNELISE] == ("Annelise Oberholzer-Schwarzenbach", Consent.OPTED_IN)
    assert found[MARCO] == ("Marco Rossi", Consent.UNKNOWN)
    assert found["27825550199"] == ("Guest Without Account", Consent.OPTED_IN)
    assert found["27825550198"] == ("Guest Unasked", Consent.UNKNOWN)
    assert len(found) == 7  # six accounts of which one has no number, and two guests
    counts = (done.read_count, done.total_count, done.added_count, done.consent_count, done.refused_count)
    assert counts == (26, 26, 7, 4, 4)  # Sam Field has an account and three orders
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0


def test_a_second_time_adds_nobody(ids: tuple[int, int]) -> None:
    run(ids)
    before = people()
    again = run(ids)
    assert (again.added_count, again.consent_count) == (0, 0)
    assert people() == before


@pytest.mark.parametrize(("key", "expected"), [("", 0), ("another_field", 0), (KEY, 3)])
def test_consent_comes_from_the_named_field_only(ids: tuple[int, int], key: str, expected: int) -> None:
    assert run(ids, key).consent_count == expected
    notes = db.session.scalars(select(ConsentEvent.note)).all()
    assert len(notes) == expected
    assert all(f"“{key}”" in note for note in notes)


def test_an_opt_out_stays_one_and_what_people_wrote_stays(cast: Cast, ids: tuple[int, int]) -> None:
    out = factories.make_contact(cast.workspace, phone=NALEDI, name="Naledi from next door", consent="opted_out")
    silent = factories.make_contact(cast.workspace, phone=ANNELISE, name="", email="")
    factories.make_consent_event(silent)  # said stop once, and was set to unknown since
    out_id = out.id
    run(ids)
    found = people()
    assert found[NALEDI] == ("Naledi from next door", Consent.OPTED_OUT)
    assert found[ANNELISE] == ("Annelise Oberholzer-Schwarzenbach", Consent.UNKNOWN)
    db.session.expire_all()
    assert db.session.get_one(Contact, out_id).email != ""


def test_their_orders_are_theirs_from_then_on(ids: tuple[int, int], there: SandboxShop, cast: Cast) -> None:
    order = there.place(phone="082 555 0199", product_ids=[102])
    shop = db.session.get_one(Shop, ids[1])
    factories.make_shop_order(shop, order_id=order["id"])
    run(ids)
    row = db.session.scalars(select(ShopOrder).execution_options(populate_existing=True)).one()
    contact = db.session.get_one(Contact, row.contact_id)
    assert contact.phone == "27825550199"
    bought = {"match": "all", "conditions": [{"field": "bought", "op": "in_order", "value": f"{ids[1]}/102"}]}
    assert segments.count_people(ids[0], segments.check_definition(ids[0], bought)).people == 1


def test_it_goes_on_behind_the_last_page(
    ids: tuple[int, int], there: SandboxShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(woo, "PER_PAGE", 5)
    import_id = customer_imports.start_import(*ids, opt_in_key=KEY).id
    step = customer_imports._next_step(import_id)
    assert step is not None
    answer = customer_imports._ask(step)
    assert customer_imports._apply(step, answer)
    assert not customer_imports._apply(step, answer)  # a second run with the same page changes nothing
    half = customer_imports.get_import(*ids, import_id)
    assert (half.part, half.next_page, half.read_count, half.total_count) == ("customers", 1, 5, 6)
    assert customer_imports.run_import(import_id) == {"pages": 5}
    done = customer_imports.get_import(*ids, import_id)
    assert (done.state, done.read_count, done.added_count) == (CustomerImportState.DONE, 24, 5)


def test_a_shop_that_is_away_is_asked_again_and_given_up(ids: tuple[int, int], there: SandboxShop, at: Move) -> None:
    there.trouble(down=True)
    import_id = customer_imports.start_import(*ids).id
    customer_imports.run_import(import_id)
    waiting = customer_imports.get_import(*ids, import_id)
    assert (waiting.state, waiting.failed_count) == (CustomerImportState.RUNNING, 1)
    assert "does not answer" in waiting.reason
    assert customer_imports.sweep_imports() == {"due": 0}
    at(timedelta(minutes=2))
    assert customer_imports.sweep_imports() == {"due": 1}
    for _ in range(5):
        customer_imports.run_import(import_id)
    assert customer_imports.get_import(*ids, import_id).state is CustomerImportState.FAILED


def test_a_revoked_key_ends_it_at_once(ids: tuple[int, int], there: SandboxShop) -> None:
    there.revoke(there.key)
    failed = run(ids)
    assert failed.state is CustomerImportState.FAILED
    assert "refuses these keys" in failed.reason


def test_one_at_a_time_and_it_can_be_stopped(ids: tuple[int, int]) -> None:
    one = customer_imports.start_import(*ids)
    with pytest.raises(Conflict):
        customer_imports.start_import(*ids)
    customer_imports.stop_import(*ids, one.id)
    assert customer_imports.run_import(one.id) == {"pages": 0}
    assert people() == {}
    with pytest.raises(Conflict):
        customer_imports.stop_import(*ids, one.id)
    customer_imports.start_import(*ids)


def test_what_cannot_be_a_field_is_refused(ids: tuple[int, int]) -> None:
    with pytest.raises(Invalid):
        customer_imports.start_import(*ids, opt_in_key="x" * 101)


def test_a_strangers_import_is_not_there(ids: tuple[int, int], cast: Cast) -> None:
    one = customer_imports.start_import(*ids)
    with pytest.raises(NotFound):
        customer_imports.get_import(cast.other_workspace.id, ids[1], one.id)


def test_a_lost_job_is_found(ids: tuple[int, int]) -> None:
    one = customer_imports.start_import(*ids)
    db.session.execute(update(CustomerImport).values(due_at=func.now() - timedelta(seconds=1)))
    db.session.commit()
    assert customer_imports.sweep_imports() == {"due": 1}
    assert one.id

"""The page and the API on which a shop's customers become contacts."""

from sqlalchemy import func, select

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop
from wotnot.extensions import db
from wotnot.models import Contact, CustomerImport
from wotnot.services import customer_imports


def test_the_counts_stand_there_before_and_the_result_after(
    cast: Cast, client: Client, sandbox: SandboxControl
) -> None:
    client.sign_in(cast.alice)
    here = f"/app/shops/{factories.make_sandbox_shop(cast.workspace).id}/customers"
    before = client.get(here).get_data(as_text=True)
    assert "6 customers with an account and 18 orders" in before
    assert 'value="wotnot_opt_in"' in before
    client.submit(here, page=here, opt_in_key="wotnot_opt_in")
    running = client.get(here).get_data(as_text=True)
    assert "The customers are being imported" in running
    assert "Import the customers" not in running
    again = client.submit(here, page=here, opt_in_key="")
    assert again.status_code == 422
    customer_imports.run_import(db.session.scalars(select(CustomerImport.id)).one())
    done = client.get(here).get_data(as_text=True)
    assert "The customers are imported" in done
    assert db.session.scalar(select(func.count()).select_from(Contact)) == 5


def test_it_can_be_stopped(cast: Cast, client: Client, sandbox: SandboxControl) -> None:
    client.sign_in(cast.alice)
    here = f"/app/shops/{factories.make_sandbox_shop(cast.workspace).id}/customers"
    client.submit(here, page=here, opt_in_key="")
    one = db.session.scalars(select(CustomerImport)).one()
    client.submit(f"{here}/{one.id}/stop", page=here)
    assert "The import was stopped" in client.get(here).get_data(as_text=True)


def test_a_shop_that_is_away_is_said(cast: Cast, client: Client, sandbox: SandboxControl) -> None:
    client.sign_in(cast.alice)
    SandboxShop(sandbox).trouble(down=True)
    page = client.get(f"/app/shops/{factories.make_sandbox_shop(cast.workspace).id}/customers")
    assert "The shop does not answer" in page.get_data(as_text=True)


def test_agents_do_not_import(cast: Cast, client: Client, sandbox: SandboxControl) -> None:
    client.sign_in(cast.bob)
    assert client.get(f"/app/shops/{factories.make_sandbox_shop(cast.workspace).id}/customers").status_code == 403


def test_over_the_api(cast: Cast, client: Client, sandbox: SandboxControl) -> None:
    api = client.api(cast.alice)
    here = f"/shops/{factories.make_sandbox_shop(cast.workspace).id}/customer-imports"
    begun = api.post(here, {})
    assert (begun.status_code, begun.json["state"], begun.json["opt_in_key"]) == (202, "running", "wotnot_opt_in")
    again = api.post(here, {"opt_in_key": ""})
    assert (again.status_code, again.json["id"]) == (409, begun.json["id"])
    customer_imports.run_import(begun.json["id"])
    done = api.get(f"{here}/{begun.json['id']}").json
    assert (done["state"], done["added_count"], done["consent_count"]) == ("done", 5, 3)
    assert api.post(f"{here}/{begun.json['id']}/stop", {}).status_code == 409

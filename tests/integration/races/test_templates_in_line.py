"""Meta's changes of templates and a sync of their account take the templates in the order of their ids, so that neither waits
for the other while the other waits for it.
"""

from flask import Flask

from tests import factories as make
from tests.cast import Cast
from tests.deliveries import delivery, drain
from tests.integration.races.holding import while_held
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Template, TemplateStatus
from wotnot.services import template_sync, webhook_inbox


def test_a_drain_that_waits_for_a_template_holds_none(app: Flask, committed_cast: Cast) -> None:
    made = [make.make_template(committed_cast.workspace) for _ in range(2)]
    ids = [one.id for one in made]
    for template in reversed(made):
        webhook_inbox.store_delivery(pausing(template))
    while_held(app, "templates", ids, drain)
    assert {one.status for one in db.session.query(Template)} == {TemplateStatus.PAUSED}


def test_a_sync_that_waits_for_a_template_holds_none(app: Flask, committed_cast: Cast, sandbox: SandboxControl) -> None:
    channel = make.make_channel(committed_cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    live = make.make_template(committed_cast.workspace, name="early_access")
    in_the_bin = make.make_template(committed_cast.workspace, name="winter_sale", deleted_at=clock.now())
    ids, where = [live.id, in_the_bin.id], (channel.workspace_id, channel.id)
    while_held(app, "templates", ids, lambda: template_sync.sync_templates(*where))
    assert db.session.query(Template).filter_by(name="early_access").one().quality == "GREEN"


def pausing(template: Template) -> bytes:
    """Meta's word that a template is paused."""
    change = {
        "event": "PAUSED",
        "message_template_id": template.meta_id,
        "message_template_name": template.name,
        "message_template_language": template.language,
    }
    return delivery(field="message_template_status_update", **change)

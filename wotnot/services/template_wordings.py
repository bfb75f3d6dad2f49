"""What templates say now and said when a message went out. At most one query for any number of messages."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from wotnot.extensions import db
from wotnot.models import Template, TemplateVersion

Components = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Wordings:
    """The words of some templates by template id: `now`, and of those that ever changed all `versions`, the oldest first."""

    now: Mapping[int, Components] = field(default_factory=dict)
    versions: Mapping[int, Sequence[TemplateVersion]] = field(default_factory=dict)

    def sent(self, template_id: int, version: int | None, moment: datetime) -> Components:
        """The words of a message that was sent with `version`; where none was noted, those of the time."""
        versions = self.versions.get(template_id)
        if not versions:
            return self.now.get(template_id, ())
        if version is not None:
            fitting = [one for one in versions if one.number == version]
        else:
            fitting = [one for one in versions if one.created_at <= moment]
        components: Components = (fitting or versions[:1])[-1].components
        return components


def read_wordings(templates: Collection[Template]) -> Wordings:
    """The words of templates that the caller has looked up. Meta takes ten edits in a month, so versions are few."""
    changed = [template.id for template in templates if template.version > 1]
    versions: dict[int, list[TemplateVersion]] = defaultdict(list)
    if changed:
        query = select(TemplateVersion).where(TemplateVersion.template_id.in_(changed))
        for one in db.session.scalars(query.order_by(TemplateVersion.template_id, TemplateVersion.number)):
            versions[one.template_id].append(one)
    return Wordings({template.id: template.components for template in templates}, versions)

"""The template editor's form: its values, how they become Meta's components and how components become values again.

`values` is what is in the form, `reading` takes it from a request, `building` makes components of it, `taking_apart` goes
the way back, `changing` is what the editor's buttons do.
"""

from wotnot.blueprints.template_form.changing import Change, change
from wotnot.blueprints.template_form.parts import (
    BUTTON_TYPES,
    ButtonValues,
    CardValues,
    CodeValues,
    OfferValues,
)
from wotnot.blueprints.template_form.reading import kept_fields, kept_samples, read_form
from wotnot.blueprints.template_form.values import HEADER_KINDS, TemplateValues

__all__ = [
    "BUTTON_TYPES",
    "HEADER_KINDS",
    "ButtonValues",
    "CardValues",
    "Change",
    "CodeValues",
    "OfferValues",
    "TemplateValues",
    "change",
    "kept_fields",
    "kept_samples",
    "read_form",
]

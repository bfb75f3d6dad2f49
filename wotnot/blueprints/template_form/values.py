"""What is in the editor's form, and the template that it makes. Pure; nothing typed is ever lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wotnot.blueprints.template_form import building
from wotnot.blueprints.template_form.parts import (
    CAROUSEL,
    CATALOG,
    CODE,
    OFFER,
    USUAL,
    ButtonValues,
    CardValues,
    CodeValues,
    OfferValues,
)
from wotnot.blueprints.template_form.taking_apart import asked_again, left_out, take_apart
from wotnot.services.template_library import LibraryTemplate
from wotnot.services.template_rules import Finding, check_template, direction_of
from wotnot.services.whatsapp.components import MEDIA_FORMATS, TemplateVariable, list_variables, variable_names
from wotnot.services.whatsapp.one_time_code import with_words

HEADER_KINDS = ("NONE", "TEXT", *MEDIA_FORMATS, "LOCATION")
_HEADERS_OF = {USUAL: HEADER_KINDS, OFFER: ("NONE", "IMAGE", "VIDEO")}
# Meta takes these kinds in one category only.
_CATEGORY_OF = {OFFER: "MARKETING", CATALOG: "MARKETING", CODE: "AUTHENTICATION"}
_NOT_ASKED = ("header.image", "header.video", "header.document")


def categories_of(kind: str) -> tuple[str, ...]:
    """The categories in which Meta takes this kind of message."""
    return (_CATEGORY_OF[kind],) if kind in _CATEGORY_OF else ("MARKETING", "UTILITY")


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """What is in the form, just as it was typed; of every kind of message, also of those that are not shown.

    `samples` is by variable key, `header_file_id` a file of the library. `card_buttons` are the types of the buttons that each
    card has. `template_id` is the template that is being edited, nothing for a new one. `translation_of` is the template whose
    message this is in another language; it fixes the name and the account. `left_out` says in words what of a template the
    form cannot show, `asked_again` which of its samples have to be chosen or written again.
    """

    template_id: str = ""
    kind: str = USUAL
    channel_id: str = ""
    name: str = ""
    language: str = "en"
    category: str = "MARKETING"
    header_kind: str = "TEXT"
    header: str = ""
    header_file_id: str = ""
    body: str = ""
    footer: str = ""
    buttons: tuple[ButtonValues, ...] = ()
    offer: OfferValues = field(default_factory=OfferValues)
    card_header: str = "IMAGE"
    card_buttons: tuple[str, ...] = ("URL",)
    cards: tuple[CardValues, ...] = ()
    code: CodeValues = field(default_factory=CodeValues)
    samples: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    asked_again: tuple[str, ...] = ()
    translation_of: str = ""

    @classmethod
    def from_library(cls, template: LibraryTemplate, channel_id: str = "") -> "TemplateValues":
        """A message of the library, as if somebody had typed it."""
        return cls(
            channel_id=channel_id,
            name=template.name,
            language=template.language,
            category=template.category,
            header=template.header,
            body=template.body,
            footer=template.footer,
            buttons=tuple(ButtonValues(button.type, button.text, button.value) for button in template.buttons),
            samples=template.samples,
        )

    @classmethod
    def from_components(
        cls,
        components: Sequence[Any],
        *,
        parameter_format: str = "POSITIONAL",
        channel_id: str = "",
        name: str = "",
        language: str = "en",
        category: str = "MARKETING",
    ) -> "TemplateValues":
        """Any template, as if somebody had typed it. What the form cannot show is said in `left_out`, and what does
        not come along in `asked_again`.
        """
        components = [part for part in components if isinstance(part, Mapping)]
        parts = take_apart(components, parameter_format)
        if parts["kind"] != CODE:  # its category is no choice, and none for the other kinds
            parts["category"] = category.upper()
        values = cls(channel_id=channel_id, name=name, language=language, **parts)
        return replace(
            values,
            left_out=tuple(left_out(components, values.components)),
            asked_again=tuple(asked_again(components, values.components, parameter_format)),
        )

    @property
    def components(self) -> list[dict[str, Any]]:
        """Meta's component objects, with the samples where Meta wants them."""
        if self.kind == CODE:
            return building.code_parts(self.code)
        named = self.parameter_format == "NAMED"
        body = building.text_part("BODY", self.body, self.samples, named=named)
        if self.kind == CAROUSEL:
            return [body, building.carousel_part(self.cards, self.card_header, self.samples, named=named)]
        offer = [building.offer_part(self.offer)] if self.kind == OFFER else []
        footer = [{"type": "FOOTER", "text": self.footer.strip()}] if self.has_footer and self.footer.strip() else []
        buttons = building.buttons_part(self.shown_buttons, self.samples)
        return [*self._header(named=named), body, *offer, *footer, *buttons]

    @property
    def shown_components(self) -> list[dict[str, Any]]:
        """The components as people see them: with Meta's words, where Meta writes them."""
        return with_words(self.components) if self.kind == CODE else self.components

    @property
    def parameter_format(self) -> str:
        """NAMED or POSITIONAL, from how the variables are written."""
        cards = self.cards if self.kind == CAROUSEL else ()
        texts = (self.header_text, self.body, *(card.body for card in cards))
        named = any(not name.isdecimal() for text in texts for name in variable_names(text))
        return "NAMED" if named else "POSITIONAL"

    @property
    def meta_category(self) -> str:
        """The category that is submitted: some kinds have one of their own."""
        return _CATEGORY_OF.get(self.kind, self.category)

    @property
    def has_category(self) -> bool:
        """Whether the category can be chosen."""
        return self.kind not in _CATEGORY_OF

    @property
    def has_footer(self) -> bool:
        """Whether this kind of message may have a footer."""
        return self.kind in {USUAL, CATALOG}

    @property
    def header_kinds(self) -> tuple[str, ...]:
        """The kinds of header that this kind of message may have."""
        return _HEADERS_OF.get(self.kind, ("NONE",))

    @property
    def shown_header(self) -> str:
        """The kind of header that there is: what was chosen, where this kind of message may have it."""
        return self.header_kind if self.header_kind in self.header_kinds else "NONE"

    @property
    def has_media_header(self) -> bool:
        """Whether the header shows a picture, a video or a document."""
        return self.shown_header in MEDIA_FORMATS

    @property
    def header_file(self) -> int | None:
        """The id of the file that the header shows to the reviewers."""
        return int(self.header_file_id) if self.has_media_header and self.header_file_id else None

    @property
    def card_files(self) -> list[int | None]:
        """The ids of the files that the cards show to the reviewers, by the cards' places."""
        cards = self.cards if self.kind == CAROUSEL else ()
        return [int(card.file_id) if card.file_id else None for card in cards]

    @property
    def header_text(self) -> str:
        """The text of the header, while it has one."""
        return self.header if self.shown_header == "TEXT" else ""

    @property
    def shown_buttons(self) -> list[ButtonValues]:
        """The buttons under the message."""
        if self.kind == OFFER:
            return building.offer_buttons(self.offer)
        return list(self.buttons) if self.kind == USUAL else [ButtonValues("CATALOG")]

    @property
    def variables(self) -> list[TemplateVariable]:
        """The variables that were typed, for the rows of samples; a file or a code has a field of its own."""
        found = list_variables(self.components, self.parameter_format)
        return [one for one in found if one.component != "offer" and not self._has_own_field(one)]

    @property
    def given_samples(self) -> dict[str, str]:
        """The samples that are filled in."""
        return {key: value.strip() for key, value in self.samples.items() if value.strip()}

    @property
    def direction(self) -> str:
        """How the words run."""
        return direction_of(self.language)

    def findings(self) -> list[Finding]:
        """What Meta would refuse or dislike."""
        return check_template(
            name=self.name,
            language=self.language,
            category=self.meta_category,
            components=self.components,
            parameter_format=self.parameter_format,
        )

    def _header(self, *, named: bool) -> list[dict[str, Any]]:
        if self.has_media_header:
            return [building.media_header(self.shown_header, self.header_file_id)]
        if self.shown_header == "LOCATION":
            return [{"type": "HEADER", "format": "LOCATION"}]
        is_text = bool(self.header_text.strip())
        return [building.text_part("HEADER", self.header_text, self.samples, named=named)] if is_text else []

    def _has_own_field(self, variable: TemplateVariable) -> bool:
        if variable.component == "header":
            return self.shown_header != "TEXT"
        if variable.component == "card":
            return variable.key.endswith(_NOT_ASKED)
        return variable.component == "button" and self.shown_buttons[variable.index].type == "COPY_CODE"

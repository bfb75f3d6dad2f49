"""The template editor's form as values, and the values as Meta's components. Pure; nothing typed is ever lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.services.template_library import LibraryTemplate
from wotnot.services.template_rules import MAX_BUTTONS, Finding, check_template, infer_format
from wotnot.services.whatsapp.components import (
    MEDIA_FORMATS,
    VARIABLE,
    TemplateVariable,
    list_variables,
    variable_names,
)

HEADER_KINDS = ("NONE", "TEXT", *MEDIA_FORMATS)
BUTTON_TYPES = ("QUICK_REPLY", "URL", "PHONE_NUMBER")
_SAMPLE = "sample-"
_LONGEST_ID = 18


@dataclass(frozen=True, slots=True)
class ButtonValues:
    """One row of the buttons: `value` is the address of a link or the number to call."""

    type: str
    text: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """What is in the form, just as it was typed. `samples` is by variable key, `header_file_id` a file of the library.

    `translation_of` is the template whose message this is in another language; it fixes the name and the account.
    """

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
    samples: Mapping[str, str] = field(default_factory=dict)
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

    @property
    def components(self) -> list[dict[str, Any]]:
        """Meta's component objects, with the samples where Meta wants them."""
        parts: list[dict[str, Any]] = []
        if self.has_media_header:
            # The file stands for its handle, which there is once it is uploaded.
            sample = {"example": {"header_handle": [self.header_file_id]}} if self.header_file_id else {}
            parts.append({"type": "HEADER", "format": self.header_kind, **sample})
        elif self.header_text.strip():
            text = self.header_text.strip()
            parts.append({"type": "HEADER", "format": "TEXT", "text": text, **self._examples("header")})
        parts.append({"type": "BODY", "text": self.body.strip(), **self._examples("body")})
        if self.footer.strip():
            parts.append({"type": "FOOTER", "text": self.footer.strip()})
        if self.buttons:
            rows = [self._button(index, button) for index, button in enumerate(self.buttons)]
            parts.append({"type": "BUTTONS", "buttons": rows})
        return parts

    @property
    def parameter_format(self) -> str:
        """NAMED or POSITIONAL, from how the variables are written."""
        return infer_format([{"type": "HEADER", "text": self.header_text}, {"type": "BODY", "text": self.body}])

    @property
    def has_media_header(self) -> bool:
        """Whether the header shows a picture, a video or a document."""
        return self.header_kind in MEDIA_FORMATS

    @property
    def header_text(self) -> str:
        """The text of the header, while it has one."""
        return self.header if self.header_kind == "TEXT" else ""

    @property
    def variables(self) -> list[TemplateVariable]:
        """The variables that were typed, for the rows of samples; a file is chosen elsewhere."""
        found = list_variables(self.components, self.parameter_format)
        return [one for one in found if one.component != "header" or not self.has_media_header]

    @property
    def given_samples(self) -> dict[str, str]:
        """The samples that are filled in."""
        return {key: value.strip() for key, value in self.samples.items() if value.strip()}

    def findings(self) -> list[Finding]:
        """What Meta would refuse or dislike."""
        return check_template(
            name=self.name,
            language=self.language,
            category=self.category,
            components=self.components,
            parameter_format=self.parameter_format,
        )

    def with_header(self, kind: str) -> "TemplateValues":
        """The same with another kind of header; a file of the kind before does not fit."""
        if kind not in HEADER_KINDS or kind == self.header_kind:
            return self
        return replace(self, header_kind=kind, header_file_id="")

    def with_button(self, kind: str) -> "TemplateValues":
        """The same with one more button; quick replies stay together, as Meta wants them."""
        if kind not in BUTTON_TYPES or len(self.buttons) >= MAX_BUTTONS:
            return self
        quick = [button for button in self.buttons if button.type == "QUICK_REPLY"]
        others = [button for button in self.buttons if button.type != "QUICK_REPLY"]
        if self.buttons and self.buttons[0].type == "QUICK_REPLY":
            rows = [*quick, *([ButtonValues(kind)] if kind == "QUICK_REPLY" else []), *others]
            rows += [] if kind == "QUICK_REPLY" else [ButtonValues(kind)]
        else:
            rows = [*others, *([] if kind == "QUICK_REPLY" else [ButtonValues(kind)]), *quick]
            rows += [ButtonValues(kind)] if kind == "QUICK_REPLY" else []
        return self._with_buttons(rows)

    def without_button(self, index: int) -> "TemplateValues":
        """The same without the button at `index`."""
        return self._with_buttons([button for at, button in enumerate(self.buttons) if at != index])

    def _with_buttons(self, rows: Sequence[ButtonValues]) -> "TemplateValues":
        # A link's sample goes where its button goes.
        samples = {key: value for key, value in self.samples.items() if not key.startswith("button.")}
        for index, button in enumerate(rows):
            before = next((at for at, old in enumerate(self.buttons) if old is button), None)
            if before is not None and f"button.{before}" in self.samples:
                samples[f"button.{index}"] = self.samples[f"button.{before}"]
        return replace(self, buttons=tuple(rows), samples=samples)

    def _examples(self, part: str) -> dict[str, Any]:
        prefix = "header." if part == "header" else ""
        names = variable_names(self.header_text if part == "header" else self.body)
        if not names:
            return {}
        if self.parameter_format == "NAMED":
            rows = [{"param_name": name, "example": self._sample(prefix + name)} for name in names]
            return {"example": {f"{part}_text_named_params": rows}}
        values = [self._sample(prefix + name) for name in sorted(names, key=int)]
        return {"example": {"header_text": values} if part == "header" else {"body_text": [values]}}

    def _button(self, index: int, button: ButtonValues) -> dict[str, Any]:
        row: dict[str, Any] = {"type": button.type, "text": button.text.strip()}
        value = button.value.strip()
        if button.type == "PHONE_NUMBER":
            row["phone_number"] = value
        elif button.type == "URL":
            row["url"] = value
            sample = self._sample(f"button.{index}")
            if VARIABLE.search(value) and sample:
                row["example"] = [VARIABLE.sub(lambda _: sample, value)]
        return row

    def _sample(self, key: str) -> str:
        return self.samples.get(key, "").strip()


def read_form(form: MultiDict[str, str]) -> TemplateValues:
    """The posted form as values; rows of buttons beyond Meta's ten and kinds we do not know are left out."""
    rows = zip(form.getlist("button_type"), form.getlist("button_text"), form.getlist("button_value"), strict=False)
    buttons = tuple(ButtonValues(type_, text, value) for type_, text, value in rows if type_ in BUTTON_TYPES)
    kind = form.get("header_kind", "")
    return TemplateValues(
        channel_id=form.get("channel_id", ""),
        name=form.get("name", "").strip(),
        language=form.get("language", "").strip(),
        category=form.get("category", "").strip().upper(),
        header_kind=kind if kind in HEADER_KINDS else "TEXT",
        header=form.get("header", ""),
        header_file_id=_id_in(form, "header_file_id"),
        body=form.get("body", "").replace("\r\n", "\n"),
        footer=form.get("footer", ""),
        buttons=buttons[:MAX_BUTTONS],
        samples={key.removeprefix(_SAMPLE): value for key, value in form.items() if key.startswith(_SAMPLE)},
        translation_of=_id_in(form, "translation_of"),
    )


def _id_in(form: MultiDict[str, str], name: str) -> str:
    value = form.get(name, "")
    return value if value.isascii() and value.isdecimal() and len(value) <= _LONGEST_ID else ""

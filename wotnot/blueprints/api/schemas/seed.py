"""The fields of the published short paths, as their first clients send them. What is not listed is passed over."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from wotnot.services.offset_lists import CONTACT_SORTS

_LONGEST_FILE_ID = 10


class SeedSchema(Schema):
    """Lenient: the first clients send fields that mean nothing any more."""

    class Meta:
        """Unknown fields are passed over."""

        unknown = EXCLUDE


class PictureField(fields.Field[dict[str, Any] | None]):
    """The picture of a header, as a variable's source: a file of the library, or Meta's id or the address of one.

    Both are written with digits only; Meta's are long. Clients send either as a number or as a text.
    """

    def __init__(self) -> None:
        """There may be none."""
        super().__init__(load_default=None, allow_none=True)

    def _deserialize(self, value: Any, *_: object, **__: object) -> dict[str, Any] | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValidationError("Give the id of a file of the library, Meta’s id of a picture, or its address.")
        text = str(value).strip()
        if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_FILE_ID:
            return {"file_id": int(text)}
        return {"text": text} if text else None


class SeedLoginSchema(SeedSchema):
    """`username` is the e-mail; JSON clients may call it `email`."""

    username = fields.String(required=True)
    password = fields.String(required=True)
    code = fields.String(load_default="")

    @pre_load
    def _email_is_username(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        return {"username": data["email"], **data} if "email" in data else data


class SeedRegisterSchema(SeedSchema):
    """`username` is the shown name."""

    username = fields.String(required=True)
    email = fields.String(required=True)
    password = fields.String(required=True)


class SeedListArgs(SeedSchema):
    """A window of a list."""

    limit = fields.Integer(load_default=10, validate=validate.Range(1, 200))
    offset = fields.Integer(load_default=0, validate=validate.Range(min=0))


class SeedContactArgs(SeedListArgs):
    """Which contacts, in which order."""

    tag = fields.String(load_default=None)
    sort_by = fields.String(load_default="created_at", validate=validate.OneOf(CONTACT_SORTS))
    order = fields.String(load_default="desc", validate=validate.OneOf(("asc", "desc")))


class SeedBroadcastArgs(SeedListArgs):
    """Which broadcasts."""

    statusfilter = fields.String(load_default=None)
    tag = fields.String(load_default=None)


class SeedContactSchema(SeedSchema):
    """A contact."""

    name = fields.String(load_default="", allow_none=True)
    email = fields.String(load_default="", allow_none=True)
    phone = fields.String(required=True)
    tags = fields.List(fields.String(), load_default=list, allow_none=True)


class SeedContactChangesSchema(SeedSchema):
    """What to change of a contact; what is left out stays."""

    name = fields.String()
    email = fields.String()
    phone = fields.String()
    tags = fields.List(fields.String())


class SeedPersonSchema(SeedSchema):
    """Somebody to write to."""

    name = fields.String(load_default="", allow_none=True)
    phone = fields.String(required=True)


class SeedSendSchema(SeedSchema):
    """A template to some people at once. `template_data` is JSON in a string, or the object itself."""

    name = fields.String(required=True)
    recipients = fields.List(fields.Nested(SeedPersonSchema), required=True, validate=validate.Length(1, 5000))
    template = fields.String(required=True)
    template_data = fields.Raw(load_default=None, allow_none=True)
    image_id = PictureField()
    body_parameters = fields.Raw(load_default=None, allow_none=True)
    channel_id = fields.Integer(load_default=None, allow_none=True)


class SeedBroadcastSchema(SeedSchema):
    """A broadcast to numbers; `scheduled_time` without an offset is the workspace's own time."""

    name = fields.String(required=True)
    template = fields.String(required=True)
    contacts = fields.List(fields.String(), required=True, validate=validate.Length(1, 100_000))
    scheduled_time = fields.DateTime(load_default=None, allow_none=True)
    channel_id = fields.Integer(load_default=None, allow_none=True)


class SeedBroadcastChangesSchema(SeedSchema):
    """What to change of a broadcast."""

    name = fields.String()
    scheduled_time = fields.DateTime()


class SeedTemplateSchema(SeedSchema):
    """A template to submit."""

    name = fields.String(required=True)
    category = fields.String(required=True)
    language = fields.String(required=True)
    components = fields.List(fields.Dict(keys=fields.String()), required=True)
    channel_id = fields.Integer(load_default=None, allow_none=True)


class SeedAnalyticsArgs(SeedSchema):
    """Days, both included."""

    start = fields.Date(load_default=None)
    end = fields.Date(load_default=None)


def check(schema: type[Schema], data: object) -> dict[str, Any]:
    """`data` checked by `schema`. Raises ValidationError, also for what is no object."""
    if not isinstance(data, dict):
        raise ValidationError("Send a JSON object.")
    loaded: dict[str, Any] = schema().load(data)
    return loaded


class SeedShopSchema(SeedSchema):
    """Where a shop is and what opens it."""

    base_url = fields.String(required=True)
    consumer_key = fields.String(required=True)
    consumer_secret = fields.String(required=True)
    store_name = fields.String(load_default="", allow_none=True)


class SeedProductArgs(SeedSchema):
    """A window of a shop's products."""

    limit = fields.Integer(load_default=10, validate=validate.Range(1, 100))
    offset = fields.Integer(load_default=0, validate=validate.Range(min=0))
    search = fields.String(load_default="")


class SeedParameterSchema(SeedSchema):
    """What stands for one variable: a field of an order."""

    key = fields.String(required=True)


class SeedConfirmationSchema(SeedSchema):
    """`template_id` is the template's name."""

    template_id = fields.String(required=True)
    parameters = fields.List(fields.Nested(SeedParameterSchema), load_default=list)
    product_id = fields.Integer(load_default=None, allow_none=True)
    image_id = PictureField()

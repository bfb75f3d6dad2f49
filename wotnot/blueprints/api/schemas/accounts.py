"""Accounts, workspaces and keys, as programs see them."""

from marshmallow import Schema, fields, validate

from wotnot.blueprints.api.schemas import NAMED, RequestSchema, YesOrNo
from wotnot.models import Role
from wotnot.services.api_keys import SCOPES


class UserSchema(Schema):
    """A person who can log in."""

    id = fields.Integer(metadata={"example": 7})
    email = fields.Email(metadata={"example": "dana@casaverde.example"})
    name = fields.String(metadata={"example": "Dana"})


class WorkspaceSchema(Schema):
    """A tenant."""

    id = fields.Integer(metadata={"example": 3})
    name = fields.String(metadata={"example": "Casa Verde"})
    default_country = fields.String(metadata={"example": "ZA"})
    timezone = fields.String(metadata={"example": "Africa/Johannesburg"})


class RegisterSchema(RequestSchema):
    """A new account."""

    email = fields.String(required=True, metadata={"example": "dana@casaverde.example", "format": "email"})
    password = fields.String(
        required=True,
        metadata={
            "example": "a few words in a row",
            "description": "At least 10 characters, at most 72 bytes.",
            "format": "password",
            "minLength": 10,
            "maxLength": 72,
        },
    )
    name = fields.String(required=True, metadata=NAMED | {"example": "Dana"})
    workspace_name = fields.String(load_default="", allow_none=True, metadata={"example": "Casa Verde"})


class LoginSchema(RequestSchema):
    """E-mail and password."""

    email = fields.String(required=True, metadata={"example": "dana@casaverde.example"})
    password = fields.String(required=True, metadata={"example": "a few words in a row", "format": "password"})
    code = fields.String(
        load_default="",
        validate=validate.Length(max=40),
        metadata={"example": "123456", "description": "Only for people who log in with two steps."},
    )


class TokenSchema(Schema):
    """An access token and how long it lasts."""

    access_token = fields.String()
    token_type = fields.Constant("bearer")
    expires_in = fields.Integer(metadata={"description": "Seconds.", "example": 3600})


class TokensSchema(TokenSchema):
    """An access token, and a refresh token that gets the next one."""

    refresh_token = fields.String()


class RegisteredSchema(TokensSchema):
    """The new account, logged in."""

    user = fields.Nested(UserSchema)
    workspace = fields.Nested(WorkspaceSchema)


class MeSchema(Schema):
    """Who asks, for which workspace, with which role."""

    user = fields.Nested(UserSchema)
    workspace = fields.Nested(WorkspaceSchema)
    role = fields.Enum(Role, by_value=True)


class NewApiKeySchema(RequestSchema):
    """What the key is for, and what it may do: everything when `scopes` is left out."""

    name = fields.String(required=True, metadata=NAMED | {"example": "Web shop"})
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        load_default=list,
        metadata={"example": ["contacts:write", "messages:send"], "description": "Whoever may change may also read."},
    )
    is_test = YesOrNo(
        load_default=False, metadata={"description": "What a test key sends is simulated; it changes nothing else."}
    )
    expires_at = fields.AwareDateTime(
        load_default=None,
        allow_none=True,
        metadata={
            "example": "2027-11-26T09:00:00+00:00",
            "description": "Without it the key lasts until it is revoked.",
        },
    )


class ApiKeySchema(Schema):
    """A key, recognisable by its first characters."""

    id = fields.Integer(metadata={"example": 12})
    name = fields.String(metadata={"example": "Web shop"})
    prefix = fields.String(metadata={"example": "wn_live_a1B2c3"})
    scopes = fields.List(fields.String())
    is_test = fields.Boolean()
    created_at = fields.DateTime()
    expires_at = fields.DateTime(allow_none=True)
    last_used_at = fields.DateTime(allow_none=True)


class CreatedApiKeySchema(ApiKeySchema):
    """A new key. `key` is shown this once and stored only as a hash."""

    key = fields.String(metadata={"example": "wn_live_a1B2c3…"})

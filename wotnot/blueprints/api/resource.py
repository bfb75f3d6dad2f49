"""The blueprint of every resource of the API: what it takes as a body, and how strictly."""

import json
from typing import Any, NoReturn

from flask import Request
from flask_smorest import Blueprint
from marshmallow import Schema
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import CombinedMultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from wotnot.errors import Invalid

MULTIPART = "multipart/form-data"
ANY_JSON = "any_json"
"""Where the fields of a body are that may be left out altogether."""


class _BodyParser(FlaskParser):
    """Takes JSON that says so. What is something else, or nothing, is told instead of being read as an empty object."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body. Raises UnsupportedMediaType, BadRequest, Invalid for none at all."""
        del schema
        body = req.get_data(cache=True)
        if not body:
            raise Invalid({"_": "Send the fields as a JSON object in the body."})
        if not req.is_json:
            raise UnsupportedMediaType
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        except ValueError:
            raise BadRequest("The body is not JSON.") from None

    def load_any_json(self, req: Request, schema: Schema) -> Any:
        """The body, or nothing where every field may be left out."""
        return self.load_json(req, schema) if req.get_data(cache=True) else {}

    def load_multipart(self, req: Request, schema: Schema) -> MultiDictProxy:
        """The parts of a form, files among them; nothing of any other body."""
        return self._makeproxy(CombinedMultiDict([req.form, req.files]), schema)

    __location_map__ = FlaskParser.__location_map__ | {"multipart": "load_multipart", ANY_JSON: "load_any_json"}


class Resource(Blueprint):
    """A flask-smorest blueprint with the parser above. `location="multipart"` is a form with a file."""

    ARGUMENTS_PARSER = _BodyParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = Blueprint.DEFAULT_LOCATION_CONTENT_TYPE_MAPPING | {
        "multipart": MULTIPART,
        ANY_JSON: "application/json",
    }


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

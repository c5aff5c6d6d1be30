"""Request bodies checked as FastAPI checks them, and its error bodies.

In: a request and the Protocol's model of its body. Out: the model, or a `BodyError` that holds the
very status and body that the real gateway answers with.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sagellm_benchmark.sim.http import HttpRequest

Body = TypeVar("Body", bound=BaseModel)


class BodyError(Exception):
    """A request that gets an error instead of an answer.

    Args:
        status: Response status.
        body: Response body.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def compact(value: object) -> bytes:
    """Encode JSON without spaces, everything but ASCII as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def detail(message: object) -> bytes:
    """Build FastAPI's error body."""
    return compact({"detail": message})


def validated(request: HttpRequest, model: type[Body]) -> Body:
    """Read a request's body as `model`.

    Raises:
        BodyError: It is none: 422 with pydantic's list of reasons, or 400 if it is no text.
    """
    try:
        return model.model_validate(_content(request))
    except ValidationError as error:
        reasons = [
            {**reason, "loc": ["body", *reason["loc"]]}
            for reason in error.errors(include_url=False)
        ]
        raise BodyError(422, detail(_attributes_worded(reasons))) from error


def _content(request: HttpRequest) -> Any:
    if not request.body:
        reason = {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}
        raise BodyError(422, detail([reason]))
    subtype = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (subtype == "application/json" or subtype.endswith("+json")):
        return request.body.decode("utf-8", "replace")
    try:
        return json.loads(request.body)
    except json.JSONDecodeError as error:
        invalid = {
            "type": "json_invalid",
            "loc": ["body", error.pos],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": error.msg},
        }
        raise BodyError(422, detail([invalid])) from error
    except ValueError as error:
        raise BodyError(400, detail("There was an error parsing the body")) from error


def _attributes_worded(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Word a non-object as FastAPI does, which lets pydantic read attributes as well."""
    for reason in reasons:
        if reason["type"] == "model_type":
            reason["type"] = "model_attributes_type"
            reason["msg"] = "Input should be a valid dictionary or object to extract fields from"
            reason.pop("ctx", None)
    return reasons

"""Reads a package's Protocol models: their field tables, and what they make of given JSON.

In: the name of a package that exports the Protocol's names. Out: plain JSON values, so that two
packages can be compared across processes. It imports nothing of this project and runs as a script
beside the official package: `protocol_fields.py PACKAGE table` writes the tables,
`protocol_fields.py PACKAGE parse` reads `[[model, json], ...]` and answers each.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

MODELS = (
    "ChatCompletionChoice",
    "ChatCompletionRequest",
    "ChatCompletionResponse",
    "ChatCompletionStreamChoice",
    "ChatCompletionStreamDelta",
    "ChatCompletionStreamResponse",
    "ChatCompletionUsage",
    "ChatMessage",
    "CompletionChoice",
    "CompletionRequest",
    "CompletionResponse",
    "CompletionUsage",
    "EmbeddingData",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EmbeddingUsage",
    "Error",
    "Metrics",
    "ModelInfo",
    "ModelListResponse",
    "OpenAIError",
    "OpenAIErrorResponse",
    "Request",
    "Response",
    "SamplingParams",
    "StreamEventDelta",
    "StreamEventEnd",
    "StreamEventStart",
    "Timestamps",
)
ENUMS = ("DecodingStrategy", "ErrorCode")
ALIASES = ("DeltaEvent", "EndEvent", "StartEvent")
BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "strict")
CONFIG = {
    "extra": "ignore",
    "strict": False,
    "frozen": False,
    "use_enum_values": False,
    "str_strip_whitespace": False,
    "ser_json_inf_nan": "null",
    "alias_generator": None,
}


def table(package: str) -> dict[str, Any]:
    """Describe everything that the two packages must agree on."""
    module = importlib.import_module(package)
    return {
        "version": module.PROTOCOL_VERSION,
        "models": {name: model(getattr(module, name)) for name in MODELS},
        "enums": {name: describe(getattr(module, name)) for name in ENUMS},
        "aliases": {name: getattr(module, name).__name__ for name in ALIASES},
        "stream_event": describe(module.StreamEvent),
    }


def model(cls: type[BaseModel]) -> dict[str, Any]:
    """Describe a model: its settings, its own validators, its fields."""
    decorators = cls.__pydantic_decorators__
    return {
        "config": {key: cls.model_config.get(key, value) for key, value in CONFIG.items()},
        "field_validators": sorted(
            name for found in decorators.field_validators.values() for name in found.info.fields
        ),
        "model_validators": sorted(
            found.info.mode for found in decorators.model_validators.values()
        ),
        "serializers": len(decorators.field_serializers) + len(decorators.model_serializers),
        "fields": {name: field(info) for name, info in cls.model_fields.items()},
    }


def field(info: FieldInfo) -> dict[str, Any]:
    """Describe a field: its type with its range, whether it must be given, its default."""
    told: dict[str, Any] = {
        "type": describe(info.annotation, bounds(info.metadata)),
        "required": info.is_required(),
        "names": [info.alias, info.validation_alias, info.serialization_alias],
        "excluded": bool(info.exclude),
    }
    if info.default_factory is not None:
        made = info.default_factory()  # type: ignore[call-arg]
        told["factory"] = made if isinstance(made, list) else type(made).__name__
    elif not info.is_required():
        told["default"] = info.default.value if isinstance(info.default, Enum) else info.default
        told["default_type"] = type(info.default).__name__
    return told


def bounds(metadata: Any) -> dict[str, Any]:
    """Collect what pydantic or annotated-types hang on a type; what is no bound by its name."""
    found: dict[str, Any] = {}
    for item in metadata:
        for part in item.metadata if isinstance(item, FieldInfo) else [item]:
            told = {key: getattr(part, key) for key in BOUNDS if hasattr(part, key)}
            found |= told or {type(part).__name__: True}
        if isinstance(item, FieldInfo) and item.discriminator is not None:
            found["discriminator"] = item.discriminator
    return found


def describe(annotation: Any, held: dict[str, Any] | None = None) -> dict[str, Any]:
    """Describe a type; a range on a union is a range on each arm, None apart."""
    held = held or {}
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(args[0], {**held, **bounds(args[1:])})
    if origin in (Union, types.UnionType):
        arms = [describe(arm, {} if arm is type(None) else held) for arm in args]
        return {"union": sorted(arms, key=json.dumps)}
    if origin is Literal:
        return {"literal": list(args), **held}
    if origin is not None:
        return {"type": origin.__name__, "of": [describe(arg) for arg in args], **held}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        members = {member.name: member.value for member in annotation}
        return {"enum": annotation.__name__, "members": members, **held}
    return {"type": getattr(annotation, "__name__", repr(annotation)), **held}


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Name every place where two tables differ, from either side."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{where}/{key}: only ours" for key in ours if key not in theirs]
        found += [f"{where}/{key}: only theirs" for key in theirs if key not in ours]
        for key in ours:
            if key in theirs:
                found += differences(ours[key], theirs[key], f"{where}/{key}")
        return found
    same = ours == theirs and type(ours) is type(theirs)
    return [] if same else [f"{where}: ours {ours!r}, theirs {theirs!r}"]


def parse(package: str, cases: list[list[str]]) -> list[list[Any]]:
    """Answer each (model, JSON text) with ["ok", JSON text] or ["no", [[place, error type], ...]].

    `StreamEvent` counts as a model, and is read through its discriminator.
    """
    module = importlib.import_module(package)
    adapters = {name: TypeAdapter(getattr(module, name)) for name in {case[0] for case in cases}}
    return [_parse(adapters[name], text) for name, text in cases]


def _parse(adapter: TypeAdapter[Any], text: str) -> list[Any]:
    try:
        return ["ok", adapter.dump_json(adapter.validate_json(text)).decode()]
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        return ["no", [[list(one["loc"]), one["type"]] for one in wrong]]


def main(package: str, action: str) -> None:
    """Run one action, JSON in on stdin where it needs any, JSON out on stdout."""
    answer = table(package) if action == "table" else parse(package, json.load(sys.stdin))
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""Form bodies as Stripe reads them, checked by the SDK's own parameter types."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from stripe import params as sdk
from stripe._request_options import RequestOptions

from devstack.stripe_sandbox.errors import Json, invalid, missing_parameter, unknown_parameter

NAME = re.compile(r"[^\[\]]+")
BRACKETS = re.compile(r"\[([^\[\]]*)\]")
# Names the SDK imports for its type checker only.
SDK_NAMES = {"StripeContext": str, "Mapping": Mapping}
INTEGER = re.compile(r"-?[0-9]+")


def decode(text: str) -> Json:
    """`a[b][]=1&a[b][]=2` becomes `{"a": {"b": {"0": "1", "1": "2"}}}`; the last of equals wins."""
    decoded: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _place(decoded, _split(name), value, name)
    return decoded


def _split(name: str) -> list[str]:
    head = NAME.match(name)
    if head is None:
        raise unknown_parameter(name)
    rest = name[head.end() :]
    if BRACKETS.sub("", rest):
        raise unknown_parameter(name)
    return [head.group(), *BRACKETS.findall(rest)]


def _place(node: Json, path: list[str], value: str, name: str) -> None:
    for step in path[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {name}", path[0])
    node[path[-1] or str(len(node))] = value


@cache
def fields(params: type) -> dict[str, Any]:
    hints = get_type_hints(params, localns=SDK_NAMES)
    return {
        name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__
    }


@cache
def params_type(resource: str, operation: str) -> type:
    """The SDK's TypedDict, e.g. `PaymentIntentCreateParams`; AttributeError if it has none."""
    return cast("type", getattr(sdk, f"{resource}{operation}Params"))


def validate(raw: Json, params: type, prefix: str = "") -> Json:
    """The parameters with their types; ApiError 400 for the first that Stripe would refuse."""
    known = fields(params)
    for name in raw:
        if name not in known:
            raise unknown_parameter(_join(prefix, name))
    for name in sorted(params.__required_keys__ & known.keys()):  # type: ignore[attr-defined]
        if name not in raw:
            raise missing_parameter(_join(prefix, name))
    return {name: _convert(raw[name], known[name], _join(prefix, name)) for name in raw}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _convert(value: Any, hint: Any, name: str) -> Any:
    choices = _alternatives(hint)
    if value == "":
        return _convert_empty(choices, name)
    if isinstance(value, dict):
        return _convert_nested(value, choices, name)
    return _convert_text(value, choices, name)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(choice for part in get_args(hint) for choice in _alternatives(part))
    return (hint,)


def _is_record(hint: Any) -> bool:
    # The SDK's come from typing_extensions, which typing.is_typeddict does not know.
    return hasattr(hint, "__required_keys__")


def _literals(choices: tuple[Any, ...]) -> set[str]:
    return {text for c in choices if get_origin(c) is Literal for text in get_args(c)}


def _convert_empty(choices: tuple[Any, ...], name: str) -> Any:
    if "" in _literals(choices) or get_origin(choices[0]) in (dict, list):
        return ""
    raise invalid(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
        f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from "
        "your request or supply a non-empty value.",
        name,
        "parameter_invalid_empty",
    )


def _convert_nested(value: Json, choices: tuple[Any, ...], name: str) -> Any:
    for choice in choices:
        if _is_record(choice):
            return validate(value, choice, name)
        if get_origin(choice) is list:
            return _convert_list(value, get_args(choice)[0], name)
        if get_origin(choice) is dict:
            inner = get_args(choice)[1]
            return {
                key: _convert_entry(item, inner, f"{name}[{key}]") for key, item in value.items()
            }
    raise invalid(f"Invalid value for {name}: an object was not expected here", name)


def _convert_entry(value: Any, hint: Any, name: str) -> Any:
    # An empty value unsets one metadata key, whatever its type.
    return "" if value == "" else _convert(value, hint, name)


def _convert_list(value: Json, inner: Any, name: str) -> list[Any]:
    if not all(key.isdecimal() for key in value):
        raise invalid("Invalid array", name)
    order = sorted(value, key=int)
    return [_convert(value[key], inner, f"{name}[{key}]") for key in order]


def _convert_text(value: str, choices: tuple[Any, ...], name: str) -> Any:
    literals = _literals(choices) - {""}
    if value in literals:
        return value
    if bool in choices and value in ("true", "false"):
        return value == "true"
    if int in choices and INTEGER.fullmatch(value) and len(value) < 20:
        return int(value)
    _refuse_unless_text(value, choices, literals, name)
    return value


def _refuse_unless_text(
    value: str, choices: tuple[Any, ...], literals: set[str], name: str
) -> None:
    """The SDK types an enumeration as `Literal[...] | str`: there, any other text is refused."""
    if literals:
        raise invalid(f"Invalid {name}: must be one of {', '.join(sorted(literals))}", name)
    if bool in choices:
        raise invalid(f"Invalid boolean: {value}", name)
    if int in choices:
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    if any(_is_record(c) for c in choices):
        raise invalid("Invalid object", name)
    if any(get_origin(c) is list for c in choices):
        raise invalid("Invalid array", name)

"""Read ``conf/``: one clear error per file, naming the file, the key and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from finrisk.errors import SpecError, UnknownModel
from finrisk.specs.model_spec import ModelSpec

MOST_SHOWN = 5


class _OnceLoader(yaml.CSafeLoader):
    """Plain YAML in which a key may stand once."""


def _mapping_once(loader: _OnceLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_OnceLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_once)


def load_spec(path: Path) -> ModelSpec:
    """Read one model spec.

    Raises
    ------
    SpecError
        The file cannot be read, is not YAML, or does not describe a model; the message names the
        file, each key at fault (five at most) and what was expected there.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_OnceLoader)  # noqa: S506
    except OSError as exc:
        raise SpecError(f"{path}: cannot be read ({exc.strerror})", expected="a YAML file") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise SpecError(f"{path}: not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(document, dict):
        raise SpecError(f"{path}: no mapping", expected="keys and values", got=type(document))
    try:
        return ModelSpec.model_validate(document)
    except ValidationError as exc:
        raise SpecError(_explained(path, exc.errors())) from exc


def load_specs(locations: Iterable[Path]) -> dict[str, ModelSpec]:
    """Read every ``*.yaml`` of these folders and files, by model name.

    Raises
    ------
    SpecError
        A location does not exist, a file is at fault, or two files declare one name.
    """
    specs: dict[str, ModelSpec] = {}
    origin: dict[str, Path] = {}
    registered: dict[str, str] = {}
    for path in _files(locations):
        spec = load_spec(path)
        if spec.name in specs:
            raise SpecError(f"{path}: name {spec.name!r} is already that of {origin[spec.name]}")
        if (other := registered.get(spec.registered_name)) is not None:
            raise SpecError(
                f"{path}: registered_name {spec.registered_name!r} is already that of {other}"
            )
        specs[spec.name], origin[spec.name] = spec, path
        registered[spec.registered_name] = spec.name
    return specs


def find_spec(locations: Iterable[Path], model: str) -> ModelSpec:
    """Return the spec of one model; raises ``UnknownModel`` with the names there are."""
    specs = load_specs(locations)
    if model not in specs:
        near = difflib.get_close_matches(model, specs, n=1)
        raise UnknownModel(
            f"no model {model!r}",
            expected=f"one of {', '.join(sorted(specs)) or 'none declared'}",
            remedy=f"did you mean {near[0]}?" if near else "set FINRISK_CONF to its folder",
        )
    return specs[model]


def _files(locations: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for location in locations:
        if location.is_file():
            files.append(location)
        elif location.is_dir():
            files += sorted([*location.glob("*.yaml"), *location.glob("*.yml")])
        else:
            raise SpecError(
                f"{location}: no such folder or file", remedy="correct FINRISK_CONF or create it"
            )
    return files


def _explained(path: Path, errors: list[ErrorDetails]) -> str:
    lines = [_one_line(error) for error in errors[:MOST_SHOWN]]
    if len(errors) > MOST_SHOWN:
        lines.append(f"and {len(errors) - MOST_SHOWN} more")
    return f"{path}: " + "; ".join(lines)


def _one_line(error: ErrorDetails) -> str:
    parts = [str(part) for part in error["loc"]]
    key = ".".join(parts)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(parts[-1], _siblings(parts[:-1]), n=1)
        hint = f"did you mean {near[0]!r}?" if near else _known(parts[:-1])
        return f"{key}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{key}: missing"
    message = error["msg"].removeprefix("Value error, ")
    if not key:
        return message
    if isinstance(error.get("input"), dict | list):
        return f"{key}: {message}"
    return f"{key}: {message} (got {error.get('input')!r})"


def _siblings(parents: list[str]) -> list[str]:
    """Return the keys allowed beside an unknown one, as far as the schema tells."""
    found: type[BaseModel] = ModelSpec
    for part in parents:
        field = found.model_fields.get(part)
        annotation = None if field is None else field.annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        found = annotation
    return list(found.model_fields)


def _known(parents: list[str]) -> str:
    siblings = _siblings(parents)
    return f"expected one of {', '.join(siblings)}" if siblings else "remove it"

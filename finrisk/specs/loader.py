"""Read ``conf/``: one clear error per file, naming the file, the key and what was expected."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from finrisk.errors import ConfigurationError, SpecError, UnknownModel
from finrisk.specs.model_spec import ModelSpec

log = logging.getLogger(__name__)

MOST_SHOWN = 5
MERGE = "tag:yaml.org,2002:merge"
NAME_LINE = re.compile(r"""^name:[ \t]+["']?([\w-]+)["']?[ \t]*(?:\#.*)?\r?$""", re.MULTILINE)


class _OnceLoader(yaml.CSafeLoader):
    """Plain YAML in which a key may stand once, and 1e-3 is a number."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Say on which line a value cannot be: 2024-02-30 looks like a date, and is none."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, ArithmeticError) as exc:
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value!r}: {exc}", node.start_mark
            ) from exc

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge ``<<: *defaults``, whose keys the mapping's own override.

        A node that others merge comes here more than once, so what was overridden is dropped: it
        would look like a key that stands twice.
        """
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self._key(key_node)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        super().flatten_mapping(node)
        node.value = list({self._key(key): (key, value) for key, value in node.value}.values())

    def _key(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(
                None, None, "a key is a word; quote text that holds braces", node.start_mark
            )
        return node.value if node.tag == MERGE else self.construct_object(node)


# YAML 1.1 wants 1.0e-3; what people write, and YAML 1.2 reads, is 1e-3
_OnceLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read_mapping(path: Path) -> dict[Any, Any]:
    """Read a YAML file of keys and values, in which a key stands once.

    Raises
    ------
    SpecError
        It cannot be read, is not YAML, or is no mapping; the message names the file.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_OnceLoader)  # noqa: S506
    except OSError as exc:
        raise SpecError(f"{path}: cannot be read ({exc.strerror})", expected="a YAML file") from exc
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as exc:
        raise SpecError(f"{path}: not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(document, dict):
        raise SpecError(f"{path}: no mapping", expected="keys and values", got=type(document))
    return document


def load_spec(path: Path) -> ModelSpec:
    """Read one model spec.

    Raises
    ------
    SpecError
        The file cannot be read, is not YAML, or does not describe a model; the message names the
        file, each key at fault (five at most) and what was expected there.
    """
    document = read_mapping(path)
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
    return _by_name((path, load_spec(path)) for path in _files(locations))


def find_spec(locations: Iterable[Path], model: str) -> ModelSpec:
    """Return the spec of one model; another model's broken file is logged and left out.

    Raises
    ------
    UnknownModel
        No spec has this name; the message gives the names there are.
    SpecError
        The model's own file is at fault, or may be: no sound spec has the name, and a broken file
        does not show its own. Or a second file declares the name or the registered name.
    """
    sound, broken = sound_and_broken(_files(locations))
    for exc in broken.values():
        log.warning("model spec left out: %s", exc)
    registered = {spec.registered_name for _, spec in sound if spec.name == model}
    rivals = [(p, s) for p, s in sound if s.name == model or s.registered_name in registered]
    if not registered:
        raise _not_found(model, sorted(spec.name for _, spec in sound), broken)
    return _by_name(rivals)[model]


def sound_and_broken(
    files: Iterable[Path],
) -> tuple[list[tuple[Path, ModelSpec]], dict[Path, SpecError]]:
    """Read each file: those that describe a model, and what is wrong with the others."""
    sound: list[tuple[Path, ModelSpec]] = []
    broken: dict[Path, SpecError] = {}
    for path in files:
        try:
            sound.append((path, load_spec(path)))
        except SpecError as exc:
            broken[path] = exc
    return sound, broken


def first_of_each_name(found: Iterable[tuple[Path, ModelSpec]]) -> dict[str, ModelSpec]:
    """Return specs by name; where two files declare one, the first."""
    specs: dict[str, ModelSpec] = {}
    for _, spec in found:
        specs.setdefault(spec.name, spec)
    return specs


def spec_files(location: Path) -> list[Path]:
    """Return the spec files of a folder, sorted; anything else is a file, there or not."""
    if location.is_dir():
        return sorted([*location.glob("*.yaml"), *location.glob("*.yml")])
    return [location]


def _by_name(found: Iterable[tuple[Path, ModelSpec]]) -> dict[str, ModelSpec]:
    specs: dict[str, ModelSpec] = {}
    origin: dict[str, Path] = {}
    registered: dict[str, str] = {}
    for path, spec in found:
        if spec.name in specs:
            raise SpecError(f"{path}: name {spec.name!r} is already that of {origin[spec.name]}")
        if (other := registered.get(spec.registered_name)) is not None:
            raise SpecError(
                f"{path}: registered_name {spec.registered_name!r} is already that of {other}"
            )
        specs[spec.name], origin[spec.name] = spec, path
        registered[spec.registered_name] = spec.name
    return specs


def _not_found(model: str, names: list[str], broken: dict[Path, SpecError]) -> ConfigurationError:
    """Blame the files that declare this name; where none does, those that hide theirs."""
    declared = {path: _declared_names(path) for path in broken}
    suspects = [exc for path, exc in broken.items() if model in declared[path]]
    suspects = suspects or [exc for path, exc in broken.items() if not declared[path]]
    if suspects:
        return SpecError(
            f"no model {model!r} among the files that can be read",
            expected=f"one of {', '.join(names) or 'none declared'}",
            got=f"broken: {' | '.join(str(exc) for exc in suspects)}",
        )
    near = difflib.get_close_matches(model, names, n=1)
    return UnknownModel(
        f"no model {model!r}",
        expected=f"one of {', '.join(names) or 'none declared'}",
        remedy=f"did you mean {near[0]}?" if near else "set FINRISK_CONF to its folder",
    )


def _declared_names(path: Path) -> list[str]:
    """Return what a broken file gives as its name; empty where that cannot be told."""
    try:
        return NAME_LINE.findall(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


def _files(locations: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for location in locations:
        if not (location.is_file() or location.is_dir()):
            raise SpecError(
                f"{location}: no such folder or file", remedy="correct FINRISK_CONF or create it"
            )
        files += spec_files(location)
    return files


def _explained(path: Path, errors: list[ErrorDetails]) -> str:
    lines = [_one_line(error) for error in errors[:MOST_SHOWN]]
    if len(errors) > MOST_SHOWN:
        lines.append(f"and {len(errors) - MOST_SHOWN} more")
    return f"{path}: " + "; ".join(lines)


def _one_line(error: ErrorDetails) -> str:
    parts = [str(part) for part in error["loc"]]
    key, siblings = _written(parts)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(parts[-1], siblings, n=1)
        known = f"expected one of {', '.join(siblings)}" if siblings else "remove it"
        return f"{key}: unknown key; {f'did you mean {near[0]!r}?' if near else known}"
    if error["type"] == "missing":
        return f"{key}: missing"
    message = error["msg"].removeprefix("Value error, ")
    if not key:
        return message
    given = error.get("input")
    if isinstance(given, dict | list):
        return f"{key}: {message}"
    if "://" in str(given):  # an address may hold a password
        return f"{key}: {message} (got a hidden value)"
    return f"{key}: {message} (got {given!r})"


def _written(parts: list[str]) -> tuple[str, list[str]]:
    """Return a key as a person writes it, and the keys allowed beside it as far as can be told.

    Pydantic puts the tag of a union into its path, which nobody wrote.
    """
    shown: list[str] = []
    siblings: list[str] = []
    place: Any = ModelSpec
    for part in parts:
        if (member := _tagged(place).get(part)) is not None:
            place = member
            continue
        fields = place.model_fields if _is_model(place) else {}
        shown.append(part)
        siblings = list(fields)
        place = fields[part].annotation if part in fields else None
    return ".".join(shown), siblings


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _tagged(annotation: Any) -> dict[str, Any]:
    """Return a union's members by their tags; empty for anything else."""
    return {
        mark.tag: get_args(member)[0]
        for member in get_args(annotation)
        for mark in getattr(member, "__metadata__", ())
        if isinstance(mark, Tag)
    }

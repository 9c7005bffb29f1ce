"""Commands about model specs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from finrisk.commands.answering import Json, answering, console, print_json


@answering
def spec_check(
    file: Annotated[Path, typer.Argument(help="a model's YAML")], as_json: Json = False
) -> None:
    """Check one model spec; says what is wrong, where, and what was expected."""
    from finrisk.specs.loader import load_spec

    spec = load_spec(file)
    candidates = [candidate.name for candidate in spec.candidates]
    if as_json:
        print_json(
            {
                "file": str(file),
                "model": spec.name,
                "columns": len(spec.columns),
                "features": len(spec.feature_names),
                "candidates": candidates,
                "sha256": spec.sha256,
            }
        )
        return
    console().print(
        f"{file}: {spec.name} is a good spec: {len(spec.columns)} columns, "
        f"{len(spec.feature_names)} features, candidates {', '.join(candidates)}",
        markup=False,
    )


@answering
def spec_schema(
    out: Annotated[Path | None, typer.Option(help="write here instead of to the terminal")] = None,
) -> None:
    """Write the JSON Schema of model specs, for completion and checks in an editor."""
    from finrisk.specs.model_spec import ModelSpec

    schema = ModelSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if out is None:
        print_json(schema)
        return
    out.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")

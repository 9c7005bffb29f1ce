"""Requests that nobody sends by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Request = tuple[str, bytes]


def bodies(row: dict[str, Any]) -> Iterator[Request]:
    """Bodies by name; each is for ``/score`` or ``/predict``, as it likes."""
    good = json.dumps({"rows": [{"features": row}]})
    yield from _no_json(good)
    yield from _of_another_form(row)
    yield from _cells(row)
    yield from _ids(row)


def _no_json(good: str) -> Iterator[Request]:
    yield "nothing", b""
    yield "white space", b" \n\t"
    yield "zeros", b"\x00" * 100
    yield "no UTF-8", b'{"rows": "\xff\xfe"}'
    yield "a byte order mark", b"\xef\xbb\xbf" + good.encode()
    yield "UTF-16", good.encode("utf-16")
    yield "half of it", good.encode()[: len(good) // 2]
    yield "more after it", good.encode() + b"{}"
    yield "deep lists", b"[" * 100_000
    yield "deep objects", b'{"a":' * 100_000
    yield "deep and closed", b"[" * 50_000 + b"]" * 50_000
    yield "a comment", b"/* */" + good.encode()
    yield "a lone surrogate", good.replace('"own"', '"\\ud800"').encode()


def _of_another_form(row: dict[str, Any]) -> Iterator[Request]:
    plain: list[Any] = [None, True, 0, 1.5, "rows", [], {}, [[]], [None], [{}]]
    for value in plain:
        yield f"only {value!r}", json.dumps(value).encode()
        for name in ("rows", "features"):
            yield f"{name}: {value!r}", json.dumps({name: value}).encode()
        yield f"a row: {value!r}", json.dumps({"rows": [value]}).encode()
        yield f"its features: {value!r}", json.dumps({"rows": [{"features": value}]}).encode()
        explained = {"rows": [{"features": row}], "explain": value}
        yield f"explain: {value!r}", json.dumps(explained).encode()
    yield "rows twice", json.dumps({"rows": [{"features": row}], "Rows": []}).encode()
    yield "both", json.dumps({"rows": [{"features": row}], "features": row}).encode()
    yield "too many rows", json.dumps({"rows": [{"features": {}}] * 1001}).encode()
    yield "lists and objects", json.dumps({"features": [row, list(row.values())]}).encode()
    yield "rows of many lengths", json.dumps({"features": [[], [1], [1, 2]]}).encode()


def _cells(row: dict[str, Any]) -> Iterator[Request]:
    odd = [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e308",
        "-1e308",
        "1e400",
        "1e-400",
        "9" * 400,
        "9" * 5000,
        "-" + "9" * 30,
        "0.1e1e1",
        "01",
        "0x10",
        "true",
        "null",
        '"1"',
        '""',
        '"\\u0000"',
        '"' + "a" * 5000 + '"',
        '"=cmd|calc!A1"',
        '"\'; DROP TABLE champions; --"',
        '"9999-12-31T23:59:59-14:00"',
        '"0001-01-01T00:00:00+14:00"',
        '"2024-02-30"',
        "[]",
        "{}",
        "[1]",
        '{"$ref": "#"}',
    ]
    for name in row:
        for cell in odd:
            told = json.dumps(row | {name: "@"}).replace('"@"', cell)
            yield f"{name}: {cell[:20]}", f'{{"rows": [{{"features": {told}}}]}}'.encode()
            yield f"{name}, alone: {cell[:20]}", f'{{"features": {told}}}'.encode()
        lacking = {key: cell for key, cell in row.items() if key != name}
        yield f"no {name}", json.dumps({"rows": [{"features": lacking}]}).encode()
    for stranger in ("", "__class__", "income\u0000", "x" * 10_000, "_score", "constructor"):
        told_row = row | {stranger: 1}
        yield f"also {stranger[:20]!r}", json.dumps({"rows": [{"features": told_row}]}).encode()


def _ids(row: dict[str, Any]) -> Iterator[Request]:
    for key in (None, 1, "", "x" * 201, ["a"], "\u0000", "💥", "a\nb"):
        yield f"id {key!r:.20}", json.dumps({"rows": [{"id": key, "features": row}]}).encode()
    twice = [{"id": "A-1", "features": row}] * 2
    yield "one id twice", json.dumps({"rows": twice}).encode()

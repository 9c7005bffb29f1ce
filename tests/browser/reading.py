"""What a page is to who sees it badly or not at all: names, contrasts, the way of the Tab key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

NAMED_ROLES = frozenset(
    {
        *("button", "link", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio"),
        *("switch", "slider", "spinbutton", "tab", "menuitem", "img", "image", "figure", "region"),
        *("graphics-document", "meter", "progressbar"),
    }
)
"""Not ``grid``: a table of Streamlit's is one in a region that has the name."""
SMALL_TEXT, LARGE_TEXT = 4.5, 3.0  # WCAG 2.2, 1.4.3; an icon needs what large text needs
MOST_STOPS, CELLS_OF_A_ROW = 400, 60  # Tab goes through a table's row cell by cell, then on

# Text nodes in the main part and the sidebar that can be seen, with the colour they are written in
# and the colours behind them, nearest first. What is disabled may be pale.
TEXTS = """() => {
  const parse = (c) => {
    const m = c.match(/rgba?\\(([^)]+)\\)/);
    if (!m) return null;
    const p = m[1].split(/[ ,\\/]+/).filter(Boolean).map(Number);
    return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1];
  };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map(
      (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const part of document.querySelectorAll(
      '[data-testid="stMain"], [data-testid="stSidebar"]')) {
    const walk = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const text = walk.currentNode.textContent.trim();
      const e = walk.currentNode.parentElement;
      if (!text || !e || !e.getClientRects().length) continue;
      if (e.closest('[disabled], [aria-disabled="true"], style, script, svg, canvas')) continue;
      const style = getComputedStyle(e);
      const box = e.getBoundingClientRect();
      if (style.visibility === 'hidden' || box.width < 2 || box.height < 2) continue;
      let opacity = 1;
      const layers = [];
      for (let up = e; up; up = up.parentElement) {
        const own = getComputedStyle(up);
        opacity *= Number(own.opacity);
        const back = parse(own.backgroundColor);
        if (back && back[3] > 0) layers.push(back);
        if (back && back[3] === 1) break;
      }
      let behind = [255, 255, 255];
      for (const layer of layers.reverse()) behind = over(layer, behind);
      const ink = parse(style.color);
      if (!ink || opacity === 0) continue;
      const written = over([ink[0], ink[1], ink[2], ink[3] * opacity], behind);
      const [a, b] = [light(written), light(behind)].sort((x, y) => y - x);
      const size = parseFloat(style.fontSize);
      const icon = e.closest('[data-testid="stIconMaterial"]') !== null;
      const large = icon || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const at = e.closest('[data-testid]');
      found.push({text: text.slice(0, 60), ratio: (a + 0.05) / (b + 0.05), large,
                  where: at ? at.dataset.testid : e.tagName, colour: style.color});
    }
  }
  return found;
}"""

FOCUSED = """() => {
  let e = document.activeElement;
  while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
  if (!e || e === document.body) return null;
  window.__passed = window.__passed || new Map();
  if (!window.__passed.has(e)) window.__passed.set(e, window.__passed.size);
  const at = e.closest('[data-testid]');
  const box = e.getBoundingClientRect();
  return {
    number: window.__passed.get(e),
    name: (e.getAttribute('aria-label') || e.textContent || '').trim().slice(0, 60),
    tag: e.tagName.toLowerCase(),
    where: at ? at.dataset.testid : '',
    inside: e.closest('[data-testid="stMain"]') !== null,
    seen: box.width > 0 && box.height > 0,
  };
}"""


@dataclass(frozen=True, slots=True)
class Element:
    """One element as a screen reader has it."""

    role: str
    name: str
    html: str


def unnamed(page: Page) -> list[Element]:
    """Return what a screen reader would call only by its kind: 'button', 'image'."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    found = []
    for node in nodes:
        role, name = _value(node, "role"), _value(node, "name")
        if node.get("ignored") or role.lower() not in NAMED_ROLES or name.strip():
            continue
        found.append(Element(role, name, _html(session, node)))
    session.detach()
    return found


def _value(node: dict[str, Any], key: str) -> str:
    return str(node.get(key, {}).get("value", ""))


def _html(session: Any, node: dict[str, Any]) -> str:
    if "backendDOMNodeId" not in node:
        return ""
    got = session.send("DOM.getOuterHTML", {"backendNodeId": node["backendDOMNodeId"]})
    return str(got["outerHTML"])[:300]


def pale(page: Page) -> list[str]:
    """Return texts with less contrast than WCAG's AA asks, each with its ratio and its place."""
    return [
        f"{text['ratio']:.2f}: {text['text']!r} in {text['where']} ({text['colour']})"
        for text in page.evaluate(TEXTS)
        if text["ratio"] < (LARGE_TEXT if text["large"] else SMALL_TEXT) - 0.005
    ]


def way_of_tab(page: Page) -> list[dict[str, Any]]:
    """Return what the Tab key reaches, in order, until it comes round or stays where it is.

    Raises
    ------
    AssertionError
        It never leaves an element: a trap.
    """
    page.evaluate("() => { window.__passed = new Map(); document.activeElement?.blur(); }")
    passed: list[dict[str, Any]] = []
    stayed = 0
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        if now is None or (passed and now["number"] == 0):
            return passed  # left the page, or round
        stayed = stayed + 1 if passed and now["number"] == passed[-1]["number"] else 0
        if stayed > (CELLS_OF_A_ROW if now["tag"] == "canvas" else 0):
            raise AssertionError(f"Tab stays on {now}")
        if not stayed:
            passed.append(now)
    raise AssertionError(f"Tab goes on after {MOST_STOPS} stops; the last ones: {passed[-6:]}")

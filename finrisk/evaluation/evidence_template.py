"""The evidence page as a Jinja2 template: no script, nothing loaded, light, dark and on paper."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ report.heading }}</title>
<style>
:root { --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --panel: #f6f8fa;
  --pass: #1a7f37; --warn: #8a5a00; --block: #b3261e; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9aa4af; --line: #3d444d; --paper: #0d1117; --panel: #161b22;
    --pass: #3fb950; --warn: #e3b341; --block: #ff7b72; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper);
  max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.75rem 0 .4rem; }
p { color: var(--soft); margin: .25rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; } th:last-child, td:last-child { padding-right: 0; }
.verdict { border-left: .4rem solid; background: var(--panel); margin: 1rem 0;
  padding: .8rem 1rem; font-size: 1.15rem; color: var(--text); }
.verdict.pass { border-color: var(--pass); } .verdict.warn { border-color: var(--warn); }
.verdict.block { border-color: var(--block); }
.word { font-weight: 700; white-space: nowrap; }
.word.pass { color: var(--pass); } .word.warn { color: var(--warn); }
.word.block { color: var(--block); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: .4rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; margin: 1.75rem 0 .4rem; }
summary h2 { display: inline; margin: 0; }
figure { margin: 1rem 0; break-inside: avoid; } figcaption { color: var(--soft); }
figure img { max-width: 100%; height: auto; background: #ffffff; border-radius: .3rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
@page { size: A4; margin: 14mm; }
@media print {
  body { font-size: 9.5pt; max-width: none; margin: 0; padding: 0; }
  .verdict { font-size: 11.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; } tr, dl { break-inside: avoid; } h2 { break-after: avoid; }
  thead { display: table-header-group; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
</style>
</head>
<body>
{% macro body(section) %}
{% if section.note %}<p>{{ section.note }}</p>{% endif %}

{% if section.terms %}
<dl>
{% for term, text in section.terms %}
<dt>{{ term }}</dt><dd>{{ text }}</dd>
{% endfor %}
</dl>
{% endif %}
{% if section.rows %}
<div class="scroll"><table>
<thead><tr>{% for column in section.columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr>
</thead>
<tbody>
{% for row in section.rows %}
<tr>{% for cell in row %}{% if section.judged and loop.last %}
<td><span class="word {{ shade_of[cell] }}">{{ cell }}</span></td>{% else %}
<td>{{ cell }}</td>{% endif %}{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% endif %}
{% endmacro %}
{% macro show(section) %}
{% if section.folded %}
<details><summary><h2>{{ section.heading }}</h2></summary>
{{ body(section) }}</details>
{% else %}
<section><h2>{{ section.heading }}</h2>
{{ body(section) }}</section>
{% endif %}
{% endmacro %}
<header>
<h1>{{ report.heading }}</h1>
<p>{{ report.about }}</p>
</header>
<main>
<p class="verdict {{ report.shade }}"><strong class="word {{ report.shade }}">{{
  report.decision }}</strong> · {{ report.sentence }}</p>
{% for section in sections %}
{{ show(section) }}
{% endfor %}
{% if pictures %}
<section><h2>Pictures</h2>
{% for picture in pictures %}
<figure><img src="data:image/png;base64,{{ picture.data }}" alt="{{ picture.caption }}">
<figcaption>{{ picture.caption }}</figcaption></figure>
{% endfor %}
</section>
{% endif %}
{% for section in last %}
{{ show(section) }}
{% endfor %}
</main>
</body>
</html>
"""

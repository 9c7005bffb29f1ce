"""The pages as Jinja2 templates: no script, nothing loaded from anywhere, light and dark."""

from __future__ import annotations

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ heading }}</title>
<style>
:root { --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --panel: #f6f8fa;
  --pass: #1a7f37; --warn: #8a5a00; --block: #b3261e; --ink: #0072b2; --shade: #1b1f2440; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9aa4af; --line: #3d444d; --paper: #0d1117; --panel: #161b22;
    --pass: #3fb950; --warn: #e3b341; --block: #ff7b72; --ink: #56b4e9; --shade: #e6edf359; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, caption { color: var(--soft); margin: .25rem 0; } caption { text-align: left;
  position: sticky; left: 0; max-width: calc(100vw - 2.5rem); }
.d { white-space: nowrap; }
/* a shadow at an edge beyond which a table goes on; the cover hides it where it does not */
.scroll { overflow-x: auto; scrollbar-width: thin; background:
  linear-gradient(to right, var(--paper) 30%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 30%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / .8rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / .8rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; white-space: nowrap; } .n { text-align: right; white-space: nowrap; }
.verdict { border-left: .4rem solid; background: var(--panel); margin: 1rem 0;
  padding: .6rem 1rem; }
.verdict strong, .word { font-weight: 700; }
.verdict.pass { border-color: var(--pass); } .verdict.warn { border-color: var(--warn); }
.verdict.block { border-color: var(--block); }
.word.pass { color: var(--pass); } .word.warn { color: var(--warn); }
.word.block { color: var(--block); }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; font-size: 1.25rem; font-weight: 600; }
dd small { font-size: .8rem; font-weight: 400; color: var(--soft); }
svg { max-width: 100%; min-width: 36rem; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui; }
.axis { stroke: var(--line); } .score { stroke: var(--ink); fill: none; stroke-width: 2; }
.dot { fill: var(--ink); stroke: var(--ink); stroke-width: 1.5; }
.dot.warn { fill: var(--paper); stroke: var(--warn); stroke-width: 2; }
.dot.block { fill: var(--block); stroke: var(--block); stroke-width: 4; }
.legend span { display: inline-block; width: .5rem; height: .5rem; border-radius: 50%;
  border: 2px solid var(--ink); background: var(--ink); margin: 0 .25rem 0 1rem; }
.legend .warn { border-color: var(--warn); background: var(--paper); }
.legend .block { border-color: var(--block); background: var(--block); padding: 1px; }
a { color: var(--ink); } nav a { margin-right: 1rem; }
ul.shares { list-style: none; margin: 0; padding: 0; white-space: nowrap; }
ul.shares b { font-weight: 400; display: inline-block; min-width: 4.5rem; text-align: right;
  margin-right: .6rem; }
</style>
</head>
<body>
"""

CURVE = """{% if curve %}
<h2>The score over the nights</h2>
<div class="scroll">
<svg viewBox="0 0 {{ curve.width }} {{ curve.height }}" width="{{ curve.width }}"
  height="{{ curve.height }}" role="img" aria-label="Data-quality score, {{ curve.count }} nights
  from {{ curve.first }} to {{ curve.last }}, the last {{ curve.last_score | score }}">
<line class="axis" x1="{{ curve.left }}" y1="{{ curve.top }}" x2="{{ curve.left }}"
  y2="{{ curve.bottom }}"/>
{% for tick in curve.ticks %}
<line class="axis" x1="{{ curve.left }}" y1="{{ tick.y }}" x2="{{ curve.right }}"
  y2="{{ tick.y }}"/>
<text x="{{ curve.left - 8 }}" y="{{ tick.y + 4 }}" text-anchor="end">{{ tick.label }}</text>
{% endfor %}
<polyline class="score" points="{{ curve.points }}"/>
{% for dot in curve.dots %}
<circle class="dot {{ dot.result }}" cx="{{ dot.x }}" cy="{{ dot.y }}" r="3"><title>{{
  dot.as_of }}: {{ dot.score | score }}, {{ dot.result }}</title></circle>
{% endfor %}
<text x="{{ curve.left }}" y="{{ curve.height - 6 }}">{{ curve.first }}</text>
<text x="{{ curve.right }}" y="{{ curve.height - 6 }}" text-anchor="end">{{ curve.last }}</text>
<text x="{{ (curve.left + curve.right) / 2 }}" y="{{ curve.height - 6 }}" text-anchor="middle">
  as of (night)</text>
<text x="{{ curve.left }}" y="12">data-quality score (1 = best)</text>
</svg>
</div>
<p class="legend">Nights:<span></span>pass<span class="warn"></span>warn<span
  class="block"></span>block</p>
{% endif %}
"""

NIGHT = (
    HEAD
    + """<header>
<h1>{{ heading }}</h1>
<p>Model {{ report.model }}, scope {{ scope }}, night as of
<span class="d">{{ report.as_of }}</span>.</p>
{% if beside %}
<nav><a href="index.html">All nights</a>
{% if beside.earlier %}<a class="d" href="{{ beside.earlier }}.html">← {{ beside.earlier }}</a>
{% endif %}
{% if beside.later %}<a class="d" href="{{ beside.later }}.html">{{ beside.later }} →</a>
{% endif %}
</nav>
{% endif %}
</header>
<p class="verdict {{ report.result }}"><strong class="word {{ report.result }}">{{
  report.result | upper }}</strong> · {{ sentence }}</p>
<dl>
<div><dt>Score</dt><dd>{{ report.score | score }}
  <small>{{ changes.score }}</small></dd></div>
<div><dt>Rows validated</dt><dd>{{ report.rows | count }}
  <small>{{ changes.rows }}</small></dd></div>
<div><dt>Rows set aside</dt><dd>{{ report.quarantined | count }}</dd></div>
{% if report.label_completeness is not none %}
<div><dt>Bads reported by their maturity</dt><dd>{{ report.label_completeness | share }}</dd></div>
{% endif %}
<div><dt>Missing cells</dt><dd>{{ report.missing_share | share }}</dd></div>
<div><dt>Checks failed</dt><dd>{{ failures }}</dd></div>
<div><dt>Checks run</dt><dd>{{ report.checks_run | count }}</dd></div>
</dl>
{% if report.problems %}
<h2>What stood in the way</h2>
<ul>{% for problem in report.problems %}<li>{{ problem }}</li>{% endfor %}</ul>
{% endif %}
{% if report.failed %}
<h2>Checks that failed</h2>
<div class="scroll"><table>
<tr><th>Severity</th><th>Check</th><th>Column</th><th class="n">Rows</th><th>What was found</th>
<th>Examples (masked)</th></tr>
{% for check in report.failed %}
<tr><td><span class="word {{ check.severity }}">{{ check.severity }}</span></td>
<td>{{ check.check }}</td><td>{{ check.column or "–" }}</td>
<td class="n">{{ check.failing | count }}</td>
<td>{{ check.detail }}</td><td>{{ check.examples | join(", ") }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
<h2>What the score is made of</h2>
<div class="scroll"><table>
<caption>Score = the mean of the parts that the contract asks for. It judges everything that landed,
whether or not rows were set aside. 0 where nothing could be read.</caption>
<tr><th>Part</th><th class="n">Tonight</th><th>Definition</th></tr>
{% for part in parts %}
<tr><td>{{ part.name }}</td><td class="n">{{ part.value | part }}</td>
<td>{{ part.definition }}</td></tr>
{% endfor %}
</table></div>
"""
    + CURVE
    + """
{% if vintages %}
<h2>Vintages</h2>
<div class="scroll"><table>
<caption>Newest first{% if vintages | length < report.vintages | length %}, {{
  vintages | length }} of {{ report.vintages | length }}: more would hide the newest ones, and all
are in the .json file beside this page{% endif %}. The bad rate is that of rows whose label is
believed, from {{ fewest }} of them on.</caption>
<tr><th>Vintage</th><th class="n">Rows</th><th class="n">Rows that break a rule</th>
<th class="n">Missing cells</th><th class="n">Bad rate</th></tr>
{% for vintage in vintages %}
<tr><td class="d">{{ vintage.vintage }}</td><td class="n">{{ vintage.rows | count }}</td>
<td class="n">{{ vintage.broken_rows | count }}</td>
<td class="n">{{ vintage.missing_share | share }}</td>
<td class="n">{{ vintage.bad_rate | share }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
{% if report.columns %}
<h2>Columns</h2>
<div class="scroll"><table>
<caption>By the type they were read as: {{ dtypes }}.</caption>
<tr><th>Column</th><th>Declared</th><th>Read as</th><th class="n">Missing</th>
<th class="n">Allowed in a vintage</th><th class="n">Distinct</th></tr>
{% for column in report.columns %}
<tr><td>{{ column.name }}</td><td>{{ column.declared }}</td><td>{{ column.dtype }}</td>
<td class="n">{{ column.missing_share | share }}</td>
<td class="n">{{ "any" if column.allowed_missing is none else column.allowed_missing | share }}</td>
<td class="n">{{ column.distinct | count }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
{% if numbers %}
<h2>Numbers</h2>
<div class="scroll"><table>
<caption>Mean, standard deviation and quantiles, to four digits.</caption>
<tr><th>Column</th><th class="n">Mean</th><th class="n">Std</th>
{% for percent in percents %}<th class="n">{{ percent }} %</th>{% endfor %}</tr>
{% for column in numbers %}
<tr><td>{{ column.name }}</td><td class="n">{{ column.mean | figure }}</td>
<td class="n">{{ column.std | figure }}</td>
{% for percent in percents %}<td class="n">{{ column.quantiles.get(percent) | figure }}</td>
{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}
{% if words %}
<h2>Categories</h2>
<div class="scroll"><table>
<caption>Share of the rows that have a value.</caption>
<tr><th>Column</th><th>Share and value</th><th class="n">All others</th></tr>
{% for column in words %}
<tr><td>{{ column.name }}</td><td><ul class="shares">
{% for value, of in column.shares | by_share %}<li><b>{{ of | share }}</b>{{ value }}</li>
{% endfor %}</ul></td>
<td class="n">{{ column.pooled_share | share }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
{% if dates %}
<h2>Dates</h2>
<div class="scroll"><table>
<tr><th>Column</th><th>First month</th><th>Last month</th></tr>
{% for column in dates %}
<tr><td>{{ column.name }}</td><td class="d">{{ column.first_month }}</td>
<td class="d">{{ column.last_month }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
<footer><p>Left out, so that no single person is shown: values and months of fewer than {{ fewest }}
rows, outer quantiles of few rows, least and greatest values. Examples are masked. Counts are exact,
and may be of few rows.</p></footer>
</body>
</html>
"""
)

INDEX = (
    HEAD
    + """<header>
<h1>{{ heading }}</h1>
<p>Model {{ model }}, scope {{ scope }}: {{ nights | length }} nights of {{ of }}, newest first.</p>
</header>
"""
    + CURVE
    + """
<h2>Nights</h2>
<div class="scroll"><table>
<tr><th>As of</th><th>Verdict</th><th class="n">Score</th><th class="n">Rows</th>
<th class="n">Set aside</th><th class="n">Missing cells</th><th>Checks failed</th></tr>
{% for night in nights %}
<tr><td class="d"><a href="{{ night.as_of }}.html">{{ night.as_of }}</a></td>
<td><span class="word {{ night.result }}">{{ night.result }}</span></td>
<td class="n">{{ night.score | score }}</td><td class="n">{{ night.rows | count }}</td>
<td class="n">{{ night.quarantined | count }}</td>
<td class="n">{{ night.missing_share | share }}</td>
<td class="d">{{ night.failures }}</td></tr>
{% endfor %}
</table></div>
</body>
</html>
"""
)

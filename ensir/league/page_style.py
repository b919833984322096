"""The look of a league's page, light and dark."""

# Kinds have the colours of Okabe and Ito (2008), told apart with any colour vision.
STYLE = """
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #fff; --ink: #1c1f24; --quiet: #5c6470; --line: #e2e4e8;
  --accent: #0b5fa5; --up: #0a6b3d; --down: #a8261c; --zero: #8b929c;
  --candidate: #7a828d; --regressor: #b35a00; --baseline: #8f6f00; --table: #0072b2;
  --oracle: #a4528a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1b1f24; --ink: #e6e8eb; --quiet: #a2aab4; --line: #2f353d;
    --accent: #7cc0f5; --up: #6fcf97; --down: #f08a80; --zero: #7c8590;
    --candidate: #9aa3ae; --regressor: #f0a04b; --baseline: #d9bc4a; --table: #56b4e9;
    --oracle: #d995c3;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 3rem; max-width: 76rem;
  background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 {
  margin: 0 0 .75rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em;
  overflow-wrap: anywhere;
}
h2 { margin: 0 0 .4rem; font-size: 1.3rem; line-height: 1.3; }
h3 { margin: 1.4rem 0 .4rem; font-size: 1rem; }
h4 { margin: 1.1rem 0 .4rem; font-size: .9rem; color: var(--quiet); font-weight: 600; }
p { margin: 0 0 .7rem; max-width: 46rem; }
header p.verdict { font-size: 1.15rem; font-weight: 600; }
.note, section > p, article > p, footer { color: var(--quiet); font-size: .92rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin-top: 1.1rem; font-size: .92rem; }
a { color: var(--accent); text-underline-offset: .2em; text-decoration-thickness: 1px; }
section {
  margin-top: 1.5rem; padding: 1.4rem 1.5rem 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px;
}
footer { margin-top: 1.5rem; }
.dot {
  display: inline-block; width: .6rem; height: .6rem; margin-right: .5rem; border-radius: 50%;
  background: currentColor;
}
.candidate { --kind: var(--candidate); } .regressor { --kind: var(--regressor); }
.baseline { --kind: var(--baseline); } .table { --kind: var(--table); }
.oracle { --kind: var(--oracle); }
.dot { color: var(--kind); }

.kinds {
  display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0; padding: 0; list-style: none;
  font-size: .85rem;
}
.chart { margin-top: .8rem; }
.line {
  display: grid; grid-template-columns: 13.5rem 1fr 14rem; gap: 0 1rem; align-items: center;
  border-top: 1px solid var(--line); min-height: 2rem;
}
.line.scale { border-top: 0; color: var(--quiet); font-size: .8rem; min-height: 1.6rem; }
.line svg { width: 100%; display: block; overflow: visible; }
.line .name { font-size: .92rem; overflow-wrap: anywhere; }
.line .value {
  font-size: .88rem; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
}
.line .value { display: grid; grid-template-columns: 1fr 9rem; }
.line .value span { color: var(--quiet); }
.line.scale .value { font-size: .8rem; }
svg text { fill: var(--quiet); font-size: .75rem; font-variant-numeric: tabular-nums; }
svg text.beyond { fill: var(--kind); }
svg .zero { stroke: var(--zero); stroke-dasharray: 2 3; }
svg .interval { stroke: var(--kind); stroke-width: 5; stroke-linecap: round; opacity: .35; }
svg .picture { fill: var(--kind); opacity: .75; }
svg .mean { fill: var(--kind); stroke: var(--card); stroke-width: 1.5; }
.line.oracle svg .mean { fill: var(--card); stroke: var(--kind); stroke-width: 2; }

.wide { overflow-x: auto; margin-top: .6rem; }
.wide:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
table {
  border-collapse: collapse; width: 100%; font-size: .84rem; font-variant-numeric: tabular-nums;
}
th, td {
  padding: .38rem .4rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line);
}
thead th { color: var(--quiet); font-weight: 500; vertical-align: bottom; font-size: .8rem; }
th:first-child {
  text-align: left; padding-left: 0; background: var(--card); position: sticky; left: 0;
}
tbody th { font-weight: 500; }
.winner th, .line.winner .name { font-weight: 700; }
.oracle th, .line.oracle .name { font-style: italic; }
tbody tr:last-child > * { border-bottom: 0; }
td.quiet { color: var(--quiet); }
.up { color: var(--up); } .down { color: var(--down); }
td span { font-size: .92em; }

dl { margin: 0; display: grid; gap: .55rem; }
dl > div { display: grid; grid-template-columns: 13.5rem 1fr; gap: 0 1rem; }
dt { font-weight: 600; } dd { margin: 0; max-width: 46rem; }
dd::first-letter { text-transform: uppercase; }
#reading dl, #who dl { font-size: .94rem; }

article + article { margin-top: 2rem; padding-top: .4rem; border-top: 1px solid var(--line); }
article h3 { overflow-wrap: anywhere; }
.figures {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .9rem;
}
figure { margin: 0; }
figure img {
  display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px;
  background: var(--line);
}
figcaption { margin-top: .3rem; font-size: .82rem; color: var(--quiet); overflow-wrap: anywhere; }
.legend {
  display: flex; align-items: center; gap: .5rem; font-size: .8rem; color: var(--quiet);
  margin: 0 0 .5rem;
}
.legend i { flex: 0 1 12rem; height: .7rem; border-radius: 3px; }

@media (max-width: 46rem) {
  body { padding: 1.5rem .8rem 2rem; }
  h1 { font-size: 1.5rem; }
  section { padding: 1.1rem 1rem 1.2rem; }
  th:first-child { min-width: 8.5rem; white-space: normal; }
  tbody th:first-child { padding-left: 1.1rem; text-indent: -1.1rem; }
  .line { grid-template-columns: 1fr auto; padding: .35rem 0; }
  .line svg { grid-row: 2; grid-column: 1 / -1; }
  .line.scale .name { display: none; }
  .line.scale .value { grid-column: 1 / -1; text-align: right; }
  .line .value { grid-template-columns: 1fr; }
  .line .value span { display: none; }
  dl > div { grid-template-columns: 1fr; }
  .figures { grid-template-columns: repeat(2, 1fr); gap: .7rem; }
}
@media print {
  section { break-inside: avoid; border: 0; padding: 0; }
  nav { display: none; }
}
"""

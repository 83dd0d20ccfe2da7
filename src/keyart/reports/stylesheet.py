"""The style sheet of reports: light and dark, printable, without external resources."""

import base64
import io
from collections.abc import Iterable

from fontTools import subset
from fontTools.ttLib import TTFont

from keyart.reports.theme import DARK, DISPLAY, LIGHT, Theme, display_file

_RULES = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main, .mast, footer { max-width: 1360px; margin: 0 auto; padding: 0 clamp(16px, 3.2vw, 48px); }
h1, h2, h3, .display, figcaption, .chart text, nav, th, .tab { font-family: "DISPLAY", system-ui, sans-serif; }
h1 { font-size: clamp(2rem, 5vw, 3.5rem); line-height: 1.08; font-weight: 600; margin: 0 0 .7rem; text-wrap: balance;
  overflow-wrap: anywhere; }
h2 { font-size: 1.6rem; line-height: 1.2; font-weight: 500; margin: 0 0 .4rem; }
h3 { font-size: 1.1rem; font-weight: 500; margin: 2rem 0 .6rem; }
p { max-width: 74ch; margin: .35rem 0 .9rem; }
a { color: inherit; text-decoration-color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
.overline { font-size: .82rem; letter-spacing: .2em; text-transform: uppercase; color: var(--accent);
  margin: 0 0 1rem; }
.mast { padding-top: clamp(32px, 6vw, 76px); }
.lead { font-size: 1.13rem; max-width: 68ch; }
.muted { color: var(--muted); }
nav { border-bottom: 1px solid var(--rule); margin-top: 1.9rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.7rem; margin: 0; padding: 0 0 .75rem; }
nav a { text-decoration: none; color: var(--muted); }
nav a:hover { color: var(--accent); }
section { margin: clamp(44px, 6vw, 80px) 0 0; scroll-margin-top: 16px; }
details > summary { cursor: pointer; color: var(--muted); padding: .3rem 0; width: fit-content; }
details > summary:hover, details[open] > summary { color: var(--ink); }

.headline { display: grid; grid-template-columns: minmax(270px, 5fr) 8fr; gap: clamp(20px, 3vw, 44px);
  margin-top: 2.3rem; align-items: stretch; }
.big { border-left: 4px solid var(--accent); padding: .1rem 0 .1rem 1.3rem; }
.big .number { font-size: clamp(3.6rem, 8vw, 5.6rem); line-height: 1; font-weight: 600; }
.big p { margin: .6rem 0 1.1rem; max-width: 38ch; }
.big .lift { width: 100%; max-width: 400px; height: auto; overflow: visible; display: block; }
.big .lift text { font: 12px "DISPLAY", system-ui, sans-serif; }
.card small span { white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; margin: 0;
  overflow-wrap: anywhere; }
.figures { margin-top: 2.2rem; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 4px; padding: .85rem 1rem; }
.card dt { color: var(--muted); font-size: .9rem; }
.card dd { margin: 0; }
.card .display { font-size: 1.85rem; line-height: 1.25; font-weight: 500; }
.card small { display: block; color: var(--muted); font-size: .82rem; line-height: 1.45;
  font-variant-numeric: tabular-nums; }

.row { display: grid; grid-template-columns: 1fr 10.5fr; column-gap: clamp(18px, 2.6vw, 44px); padding: 1.6rem 0 1.1rem;
  border-top: 1px solid var(--rule); }
.row:first-of-type { border-top: 0; padding-top: .6rem; }
.strip { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px clamp(6px, .8vw, 12px);
  grid-template-columns: repeat(10, minmax(0, 1fr)); }
figure { margin: 0; position: relative; }
.poster img { display: block; width: 100%; height: auto; border-radius: 2px; outline: 1px solid var(--rule);
  outline-offset: 0; }
.driver img { outline: 3px solid var(--accent); }
.marked img { outline: 3px solid var(--ink); }
.tab { position: absolute; left: -3px; top: -3px; transform: translateY(-100%); background: var(--ink);
  color: var(--paper); font-size: .76rem; line-height: 1.5; padding: 0 .45rem; white-space: nowrap; }
.driver .tab { background: var(--accent); }
figcaption { font-size: .84rem; line-height: 1.32; margin-top: .42rem; overflow-wrap: break-word; }
figcaption b { font-weight: 500; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical;
  overflow: hidden; }
.driver figcaption b { font-weight: 600; font-size: 1rem; }
.measure { display: flex; align-items: center; gap: .45rem; margin-bottom: .15rem; }
.measure i { flex: 1; height: 3px; background: var(--rule); }
.measure i span { display: block; height: 3px; background: var(--accent); }
.genres { color: var(--muted); }
.genres span { white-space: nowrap; }
.genres em { white-space: nowrap; font-style: normal; font-weight: 500; color: var(--accent); }
.row details { grid-column: 2; margin-top: .5rem; font-size: .88rem; }
.row details .strip { margin-top: 1.1rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; font-size: .9rem; color: var(--muted);
  margin: .2rem 0 1.3rem; padding: 0; list-style: none; }
.legend em { font-style: normal; font-weight: 600; color: var(--accent); }
.legend .bar { display: inline-block; width: 2.4em; height: 3px; vertical-align: middle; margin-right: .5em;
  background: linear-gradient(90deg, var(--accent) 60%, var(--rule) 60%); }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.note { color: var(--muted); font-size: .92rem; }
th { text-align: right; font-weight: 400; color: var(--muted); padding: .4rem .8rem; vertical-align: bottom;
  border-bottom: 1px solid var(--ink); white-space: nowrap; }
td, tbody th { padding: .42rem .8rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, tbody th { text-align: left; padding-left: 0; }
tbody th { color: var(--ink); font-size: 1rem; }
td small { color: var(--muted); font-size: .84em; }
td.better { color: var(--better); }
td.worse { color: var(--worse); }
td.no-difference { color: var(--muted); }
td.better small, td.worse small { color: inherit; }
.sign { font-size: .8em; margin-right: .35em; }
td .lift { display: block; width: 190px; height: 22px; }
.headline-row th, .headline-row td { background: var(--card); }
.headline-row th { padding-left: .6rem; font-weight: 600; }

.wide { overflow-x: auto; overflow-y: hidden; }
.chart { display: block; width: 100%; height: auto; }
.chart * { stroke-linejoin: round; stroke-linecap: butt; }
.wall { margin-bottom: 2.2rem; }
.wall img { display: block; max-width: 100%; height: auto; margin: 1.1rem 0 .4rem; }
.maps { display: grid; gap: 2.6rem; }

.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(360px, 100%), 1fr)); gap: 22px 20px;
  list-style: none; margin: 1.2rem 0 0; padding: 0; }
.pairs li { background: var(--card); border: 1px solid var(--rule); border-radius: 4px; padding: 14px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.pairs .cosine { margin: .55rem 0 0; color: var(--muted); font-size: .88rem; }

footer { margin-top: clamp(56px, 7vw, 96px); padding-bottom: 64px; }
footer > div { border-top: 1px solid var(--rule); padding-top: 1.6rem; }
.billing { font-family: "DISPLAY", system-ui, sans-serif; font-weight: 300; text-align: center;
  text-transform: uppercase;
  line-height: 1.65; max-width: 62rem; margin: 0 auto 1.6rem; letter-spacing: .02em; font-size: 1.02rem; }
.billing span { white-space: nowrap; margin: 0 .45em; }
.billing i { font-style: normal; font-size: .68em; color: var(--muted); letter-spacing: .06em; margin-right: .35em; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 4px; padding: 1rem 1.2rem; overflow: auto;
  max-height: 34rem; font: .82rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  tab-size: 2; }

@media (max-width: 1080px) {
  .row { grid-template-columns: minmax(120px, 1fr) 5fr; }
  .strip { grid-template-columns: repeat(5, minmax(0, 1fr)); }
  .headline { grid-template-columns: 1fr; }
}
@media (max-width: 640px) {
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .row { grid-template-columns: 1fr; row-gap: 1.4rem; }
  .driver { display: grid; grid-template-columns: 124px 1fr; gap: 16px; align-items: end; }
  .row details { grid-column: 1; }
  .strip { display: flex; overflow-x: auto; padding: 22px 3px 6px; scroll-snap-type: x proximity; }
  .chart { min-width: 620px; }
  .strip li { flex: 0 0 104px; scroll-snap-align: start; }
}
@page { margin: 12mm; }
@media print {
  html { font-size: 10.5px; }
  body { background: none; font-size: 1rem; line-height: 1.4; }
  main, .mast, footer { max-width: none; padding: 0; }
  nav, details:not([open]) { display: none; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h2, h3, .legend, .note, section > p { break-after: avoid; }
  p, .row, .pairs li, table, tr, .card, .big, .chart, .wall img, .strip li, .billing { break-inside: avoid; }
  thead { display: table-header-group; }
  section, footer { margin-top: 2.2rem; }
  p, .lead { max-width: none; }
  .headline { grid-template-columns: minmax(0, 2fr) minmax(0, 5fr); gap: 1.6rem; margin-top: 1.2rem; }
  .big .number { font-size: 4rem; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .6rem; }
  .row { grid-template-columns: minmax(0, 1.25fr) minmax(0, 10fr); column-gap: 1.2rem; padding: 1.9rem 0 .3rem; }
  .row details { grid-column: 2; }
  .strip { display: grid; grid-template-columns: repeat(10, minmax(0, 1fr)); gap: .7rem .5rem; overflow: visible;
    padding: 0; }
  .driver { display: block; }
  figcaption, .genres span, .genres em { font-size: .76rem; white-space: normal; }
  .driver figcaption b { font-size: .9rem; }
  .scroll, .wide, pre { overflow: visible; max-height: none; }
  table { font-size: .86rem; }
  th, td, tbody th { white-space: normal; padding: .25rem .4rem; }
  tbody th { font-size: .95rem; }
  td small { white-space: nowrap; }
  td .lift { width: 100%; min-width: 60px; max-width: 150px; height: auto; }
  .chart { width: auto; max-width: 100% !important; max-height: 120mm; min-width: 0; margin: 0 auto; }
  .wall { margin-bottom: 1rem; }
  .wall img { max-height: 105mm; margin: .5rem auto; }
  .maps { gap: 1rem; }
  .pairs { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: .8rem; }
  .pairs li { padding: .7rem; }
  pre { white-space: pre-wrap; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""


def build_stylesheet(letters: str) -> str:
    """Build the style sheet with its embedded typeface.

    Args:
        letters: All text of the page; the typeface is reduced to its letters.
    """
    face = (
        f'@font-face {{ font-family: "{DISPLAY}"; font-weight: 300 700; font-style: normal; font-display: block;'
        f' src: url("data:font/woff;base64,{_cut_font(letters)}") format("woff"); }}'
    )
    light, dark = _variables(LIGHT), _variables(DARK)
    themes = (
        f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    )
    # In print, use the light theme to save ink, whatever theme the screen shows.
    paper = f"@media print {{ :root {{ color-scheme: light; {light} }} }}"
    return f"{face}\n{themes}\n{paper}\n{_RULES.replace('DISPLAY', DISPLAY).strip()}"


def _variables(theme: Theme) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in theme.named().items())


def _cut_font(letters: Iterable[str]) -> str:
    """Return the display typeface with only these letters, as base64 of WOFF."""
    options = subset.Options()
    options.flavor = "woff"
    options.layout_features = ["kern", "liga", "tnum", "lnum"]
    options.notdef_outline = True
    options.ignore_missing_unicodes = True
    with TTFont(display_file(), recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(text="".join(sorted(set(letters) | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))))
        cutter.subset(font)
        buffer = io.BytesIO()
        subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")

// The whole catalogue on one wall. Only what is visible is in the page, however long the wall.

import { html, useState, useEffect, useRef, useMemo } from "../../vendor/preact-htm.js";
import { changed, current, go, href, remember, remembered } from "../state.js";
import { get, image, numbers, useGet } from "../api.js";
import { Arranging, Busy, Failure, Filters, count, describe, titleOf } from "../parts.js";
import { loadMap, withinLasso } from "../plane.js";

const TALLEST = 8_000_000; // browsers cut pages at 16.7 million pixels; Safari's limit is near
const MOST_BRICKS = 80; // two nodes each; with what surrounds them, at most 250 in the page
const ORDERS = { catalogue: "catalogue", title: "title", year: "year", genre: "genre", look: "look" };

async function loadOrder(run, by, genre, year, report) {
  const { head, buffer, start } = await numbers(`runs/${run}/order`, { by, genre, year }, report);
  return { ...head, rows: new Uint32Array(buffer, start) };
}

export function Wall({ state, run, about }) {
  const by = ORDERS[state.one("by")] ?? "look";
  const genres = state.all("genre");
  const year = state.one("year");
  const lasso = state.one("lasso");
  const [order, setOrder] = useState(null);
  const [failure, setFailure] = useState(null);
  const [progress, setProgress] = useState(null);
  const { data: facets } = useGet(`runs/${run}/facets`, { genre: genres, year });
  useEffect(() => {
    let stopped = false;
    setFailure(null);
    setOrder(null);
    setProgress(null);
    Promise.all([loadOrder(run, by, genres, year, setProgress), lasso ? loadMap(run, setProgress) : null]).then(([answer, places]) => {
      if (stopped) return;
      if (places) {
        const rows = answer.rows.filter(withinLasso(places, lasso));
        setOrder({ posters: rows.length, landmarks: [], rows });
      } else setOrder(answer);
    }, (error) => !stopped && setFailure(error.message));
    return () => { stopped = true; };
  }, [run, by, genres.join("|"), year, lasso]);
  return html`
    <div class="wallhead"><h1 class="small">The wall</h1>
      <label>Sorted by <select value=${by} onChange=${(event) => go(changed({ by: event.target.value, at: null }), { replace: true })}>
        ${[["look", "look"], ["title", "title"], ["year", "year"], ["genre", "genre"], ["catalogue", "the catalogue’s order"]].map(([value, label]) => html`
          <option value=${value} selected=${value === by}>${label}</option>`)}</select></label>
      <p class="muted" role="status">${order ? `${count(order.posters)} posters` : ""}${lasso ? html` in the lasso · <a href=${changed({ lasso: null })} data-replace>show all</a>` : ""}</p>
    </div>
    <${Filters} facets=${facets} genres=${genres} years=${year} hidden=${facets ? facets.posters - facets.shown : 0} />
    <${Failure} message=${failure} />${!order && !failure && (progress ? html`<${Arranging} progress=${progress} />` : html`<${Busy}>Sorting…</${Busy}>`)}
    ${order && order.posters === 0 && html`<p class="end">No poster passes the filters.</p>`}
    ${order && order.posters > 0 && html`<${Scroller} key=${`${run} ${by} ${genres} ${year} ${lasso}`} run=${run} order=${order} />`}`;
}

function Scroller({ run, order }) {
  const frame = useRef(null);
  const [size, setSize] = useState({ width: 0, height: 600 });
  const [top, setTop] = useState(0); // of the wall itself, in pixels
  const last = useRef(0);
  useEffect(() => {
    const measure = () => setSize({ width: frame.current.clientWidth, height: frame.current.clientHeight });
    const watcher = new ResizeObserver(measure);
    watcher.observe(frame.current);
    measure();
    return () => watcher.disconnect();
  }, []);
  const wide = size.width || 1000;
  const ideal = wide < 520 ? 92 : 118;
  const visibleOf = (across) => Math.ceil(size.height / Math.round(Math.floor(wide / across) * 1.5)) + 1;
  let columns = Math.max(3, Math.round(wide / ideal));
  while (columns > 3 && columns * visibleOf(columns) > MOST_BRICKS) columns -= 1; // a large screen shows larger posters
  const cell = Math.floor(wide / columns);
  const height = Math.round(cell * 1.5);
  const lines = Math.ceil(order.posters / columns);
  const whole = lines * height;
  const real = Math.min(whole, TALLEST);
  const range = Math.max(1, whole - size.height);
  const reach = Math.max(1, real - size.height);
  const scaled = whole > TALLEST;
  const toWall = (scroll) => (scroll / reach) * range;
  const toScroll = (wall) => (wall / range) * reach;
  const moveTo = (wall) => {
    const place = Math.max(0, Math.min(range, wall));
    last.current = toScroll(place);
    frame.current.scrollTop = last.current;
    last.current = frame.current.scrollTop;
    setTop(place);
  };
  const onScroll = () => {
    const scroll = frame.current.scrollTop;
    const moved = scroll - last.current;
    last.current = scroll;
    if (!scaled || Math.abs(moved) > 2 * size.height || scroll <= 1 || scroll >= reach - 1) setTop(scaled ? toWall(scroll) : scroll);
    else setTop((now) => Math.max(0, Math.min(range, now + moved))); // a turn of the wheel moves by as much as it looks
  };
  const jumpTo = (position) => moveTo(Math.floor(position / columns) * height);
  useEffect(() => {
    const position = current().number("at") ?? remembered("wall", null);
    if (size.width && position !== null) jumpTo(position);
  }, [size.width > 0]);
  const before = Math.max(0, Math.floor(top / height));
  useEffect(() => {
    const timer = setTimeout(() => remember("wall", before * columns), 200);
    return () => clearTimeout(timer);
  }, [before, columns]);
  const visible = visibleOf(columns);
  const ahead = Math.max(0, Math.min(2, Math.floor((Math.floor(MOST_BRICKS / columns) - visible) / 2))); // lines beyond the window
  const first = Math.max(0, before - ahead);
  const end = Math.min(lines, before + visible + ahead);
  const shown = [];
  for (let at = first * columns; at < Math.min(order.posters, end * columns); at += 1) shown.push(at);
  const facts = useFacts(run, shown.map((at) => order.rows[at]));
  const shift = scaled ? frame.current?.scrollTop - top : 0;
  const onKey = (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: columns * (visible - 1), PageUp: -columns * (visible - 1) };
    const now = Number(document.activeElement?.dataset?.at ?? before * columns);
    let next = now + (steps[event.key] ?? 0);
    if (event.key === "Home") next = 0;
    else if (event.key === "End") next = order.posters - 1;
    else if (!(event.key in steps)) return;
    event.preventDefault();
    next = Math.max(0, Math.min(order.posters - 1, next));
    const place = Math.floor(next / columns) * height;
    if (place < top || place + height > top + size.height) moveTo(place < top ? place : place + height - size.height);
    requestAnimationFrame(() => requestAnimationFrame(() => frame.current?.querySelector(`[data-at="${next}"]`)?.focus({ preventScroll: true })));
  };
  return html`<div class="walls">
    <div class="wall-scroll" ref=${frame} onScroll=${onScroll} onKeyDown=${onKey} tabindex="0" role="group" aria-label=${`Wall of ${count(order.posters)} posters; arrow keys move along it`}>
      <div class="wall-space" style=${{ height: `${real}px` }}>${shown.map((at) => {
        const row = order.rows[at];
        const poster = facts.get(row);
        return html`<a key=${at} class="brick" data-at=${at} tabindex=${at === shown[0] ? 0 : -1} href=${href("poster", { row })} title=${poster && describe(poster)}
          style=${{ transform: `translate(${(at % columns) * cell}px, ${Math.floor(at / columns) * height + shift}px)`, width: `${cell}px`, height: `${height}px` }}>
          <img src=${image(run, row, cell * devicePixelRatio > 240 ? 480 : 160)} alt=${poster ? describe(poster) : `Poster ${row}`} width=${cell} height=${height} decoding="async" /></a>`;
      })}</div></div>
    ${order.landmarks.length > 1 && html`<nav class="jump" aria-label="Jump to">${order.landmarks.map(({ label, position }) => html`
      <button type="button" onClick=${() => jumpTo(position)} aria-current=${position <= before * columns + columns - 1 ? "true" : undefined}>${label}</button>`)}</nav>`}
  </div>`;
}

const known = new Map();

/** The facts of the rows in sight, asked for together. */
function useFacts(run, rows) {
  const [, redraw] = useState(0);
  const key = `${run} ${rows[0]} ${rows.at(-1)} ${rows.length}`;
  const facts = useMemo(() => {
    if (!known.has(run)) known.set(run, new Map());
    return known.get(run);
  }, [run]);
  useEffect(() => {
    const missing = rows.filter((row) => !facts.has(row));
    if (!missing.length) return undefined;
    const timer = setTimeout(() => get(`runs/${run}/posters`, { rows: missing.slice(0, 300).join(",") }).then((answer) => {
      for (const poster of answer) facts.set(poster.row, poster);
      while (facts.size > 5000) facts.delete(facts.keys().next().value);
      redraw((turn) => turn + 1);
    }, () => undefined), 120);
    return () => clearTimeout(timer);
  }, [key]);
  return facts;
}

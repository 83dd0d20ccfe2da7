// Every poster as a point; points become thumbnails as one zooms in.

import { html, useState, useEffect, useMemo, useRef } from "../../vendor/preact-htm.js";
import { changed, current, go, href } from "../state.js";
import { get, image } from "../api.js";
import { Arranging, Failure, TitleBox, count, describe, titleOf } from "../parts.js";
import { boundsOf, gridOf, loadColours, loadMap, painter } from "../plane.js";

const THUMBNAILS = 110; // as many points become posters
const WIDEST = 64;

const channels = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

/** Colours of the report: the most frequent names by kind, decades from early to late; what is left is grey. */
function palette(names, counts, by) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => channels(style.getPropertyValue(`--${name}`).trim() || "#888888");
  const muted = colour("muted");
  const known = names.filter((name) => !["none", "unknown"].includes(name));
  if (by !== "decade") known.sort((a, b) => counts[names.indexOf(b)] - counts[names.indexOf(a)]);
  return names.map((name) => {
    const at = known.indexOf(name);
    if (at < 0) return muted;
    if (by === "decade") return colour(`ramp_colours${Math.round((at / Math.max(1, known.length - 1)) * 8)}`);
    return at < 8 ? colour(`categories${at}`) : muted;
  });
}

export function MapView({ state, run, about }) {
  const by = ["genre", "decade", "split"].includes(state.one("colour")) ? state.one("colour") : "genre";
  const [ready, setReady] = useState(null);
  const [failure, setFailure] = useState(null);
  const [progress, setProgress] = useState(null);
  useEffect(() => {
    let stopped = false;
    Promise.all([loadMap(run, setProgress), loadColours(run, by)]).then(([places, colours]) => !stopped && setReady({ run, by, places, colours }),
      (error) => !stopped && setFailure(error.message));
    return () => { stopped = true; };
  }, [run, by]);
  return html`
    <div class="wallhead"><h1 class="small">The map</h1>
      <label>Coloured by <select value=${by} onChange=${(event) => go(changed({ colour: event.target.value, only: null }), { replace: true })}>
        ${["genre", "decade", "split"].map((name) => html`<option value=${name} selected=${name === by}>${name}</option>`)}</select></label>
      <${TitleBox} id="find" run=${run} label="Find a poster on the map" placeholder="Find a poster" onChoose=${(poster) => go(changed({ row: poster.row }), { replace: true })} />
    </div>
    <${Failure} message=${failure} />
    ${ready?.run !== run && !failure && html`<${Arranging} progress=${progress} />`}
    ${ready?.run === run && html`<${Plane} key=${run} state=${state} ...${ready} />`}`;
}

function Plane({ state, run, by, places, colours }) {
  const frame = useRef(null);
  const canvas = useRef(null);
  const pen = useRef(null);
  const view = useRef(null);
  const [turn, setTurn] = useState(0);
  const [hover, setHover] = useState(null);
  const [lasso, setLasso] = useState(null);
  const [drawing, setDrawing] = useState(false);
  const drag = useRef(null);
  const facts = useRef(new Map());
  const marked = state.number("row");
  const only = state.number("only");
  const { names, posters: counts, codes } = colours;
  const grid = useMemo(() => gridOf(places), [places]);
  const redraw = () => setTurn((now) => now + 1);

  useEffect(() => {
    pen.current = painter(canvas.current, places, codes);
    const fit = () => {
      const box = frame.current.getBoundingClientRect();
      canvas.current.width = Math.round(box.width * devicePixelRatio);
      canvas.current.height = Math.round(box.height * devicePixelRatio);
      redraw();
    };
    const watcher = new ResizeObserver(fit);
    watcher.observe(frame.current);
    addEventListener("themechange", redraw);
    const wheel = (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.0016), event.offsetX, event.offsetY);
    };
    frame.current.addEventListener("wheel", wheel, { passive: false });
    fit();
    return () => {
      watcher.disconnect();
      removeEventListener("themechange", redraw);
    };
  }, []);
  useEffect(() => {
    pen.current?.recolour(codes);
    redraw();
  }, [codes]);
  useEffect(() => {
    if (marked === null || 2 * marked >= places.length) return;
    view.current = { x: places[2 * marked] / 65535, y: places[2 * marked + 1] / 65535, zoom: Math.max(view.current.zoom, 6) };
    redraw();
  }, [marked]);

  const box = () => ({ width: frame.current?.clientWidth ?? 1, height: frame.current?.clientHeight ?? 1 });
  const bounds = useMemo(() => boundsOf(places), [places]);
  view.current ??= { x: (bounds.left + bounds.right) / 2, y: (bounds.top + bounds.bottom) / 2, zoom: 1 };
  // Pixels of one unit of the map: at zoom 1 all posters fit into the frame.
  const unit = () => 0.94 * Math.min(box().width / (bounds.right - bounds.left), box().height / (bounds.bottom - bounds.top)) * view.current.zoom;
  const toScreen = (u, v) => [box().width / 2 + (u - view.current.x) * unit(), box().height / 2 + (v - view.current.y) * unit()];
  const toMap = (x, y) => [view.current.x + (x - box().width / 2) / unit(), view.current.y + (y - box().height / 2) / unit()];
  const zoom = (factor, x = box().width / 2, y = box().height / 2) => {
    const [u, v] = toMap(x, y);
    const most = Math.max(40, Math.sqrt(places.length / 2) * 2);
    view.current.zoom = Math.max(0.7, Math.min(most, view.current.zoom * factor));
    view.current.x = u - (x - box().width / 2) / unit();
    view.current.y = v - (y - box().height / 2) / unit();
    setHover(null);
    redraw();
  };

  const tints = palette(names, counts, by);
  useEffect(() => {
    if (!pen.current) return;
    const { width, height } = box();
    const size = Math.max(2.5, Math.min(9, 340 / Math.sqrt(places.length / 2))) * devicePixelRatio * Math.min(2.4, Math.sqrt(view.current.zoom));
    pen.current.draw({
      scale: [(2 * unit()) / width, (-2 * unit()) / height],
      shift: [(-2 * unit() * view.current.x) / width, (2 * unit() * view.current.y) / height],
      size, only, colours: Array.from({ length: 32 }, (_, at) => tints[at] ?? [136, 136, 136]),
    });
  }, [turn, codes, only]);

  const [left, top] = toMap(0, 0);
  const [right, bottom] = toMap(box().width, box().height);
  const near = turn ? grid.inBox(left, top, right, bottom, THUMBNAILS) : null;
  const posters = (near ?? []).filter((row) => only === null || codes[row] === only);
  const across = Math.max(26, Math.min(WIDEST, Math.sqrt((box().width * box().height) / Math.max(1, posters.length)) * 0.42));
  useFactsOf(run, [...posters, hover, marked].filter((row) => row !== null), facts.current, redraw);

  const at = (event) => {
    const frameBox = frame.current.getBoundingClientRect();
    return [event.clientX - frameBox.left, event.clientY - frameBox.top];
  };
  const down = (event) => {
    if (event.button || event.target.closest("a, button")) return;
    frame.current.setPointerCapture?.(event.pointerId);
    const [x, y] = at(event);
    drag.current = { x, y, from: { ...view.current }, moved: false };
    if (event.shiftKey || drawing) setLasso([toMap(x, y)]);
  };
  const move = (event) => {
    const [x, y] = at(event);
    if (drag.current) {
      drag.current.moved ||= Math.hypot(x - drag.current.x, y - drag.current.y) > 4;
      if (lasso) setLasso([...lasso, toMap(x, y)]);
      else if (drag.current.moved) {
        view.current = { ...view.current, x: drag.current.from.x - (x - drag.current.x) / unit(), y: drag.current.from.y - (y - drag.current.y) / unit() };
        redraw();
      }
      return;
    }
    setHover(grid.nearest(...toMap(x, y), 14 / unit()));
  };
  const up = (event) => {
    const was = drag.current;
    drag.current = null;
    if (!was) return;
    if (lasso) {
      const step = Math.max(1, Math.ceil(lasso.length / 40));
      const corners = lasso.filter((_, place) => place % step === 0);
      setLasso(null);
      setDrawing(false);
      if (corners.length > 2) go(href("wall", { lasso: corners.flat().map((value) => Math.round(value * 1000)).join(".") }));
    } else if (!was.moved) {
      const row = grid.nearest(...toMap(...at(event)), 14 / unit());
      if (row !== null) go(href("poster", { row }));
    }
  };
  const key = (event) => {
    const step = 60 / unit();
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      view.current.x += moves[event.key][0];
      view.current.y += moves[event.key][1];
      setHover(grid.nearest(view.current.x, view.current.y, 90 / unit()));
      redraw();
    } else if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else if (event.key === "Enter" && hover !== null) go(href("poster", { row: hover }));
    else return;
    event.preventDefault();
  };
  const place = (row) => toScreen(places[2 * row] / 65535, places[2 * row + 1] / 65535);
  const shown = hover ?? null;
  const [x, y] = shown === null ? [0, 0] : place(shown);
  const flip = x > box().width - 210;
  const used = names.map((name, code) => ({ name, code, posters: counts[code] })).filter((one) => one.posters);
  if (by !== "decade") used.sort((a, b) => b.posters - a.posters);
  return html`
    <div class="plane" ref=${frame} tabindex="0" role="application" aria-label=${`Map of ${count(places.length / 2)} posters. Arrow keys move, plus and minus zoom, Enter opens the poster in the middle.`}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerLeave=${() => setHover(null)} onKeyDown=${key} data-drawing=${drawing ? "" : undefined}>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      ${posters.map((row) => {
        const [left, top] = place(row);
        const poster = facts.current.get(row);
        return html`<a class="dot" key=${row} href=${href("poster", { row })} tabindex="-1" onMouseEnter=${() => setHover(row)}
          style=${{ transform: `translate(${left - across / 2}px, ${top - across * 0.75}px)`, width: `${across}px`, height: `${across * 1.5}px` }}>
          <img src=${image(run, row)} alt=${poster ? describe(poster) : `Poster ${row}`} width=${Math.round(across)} height=${Math.round(across * 1.5)} draggable=${false} /></a>`;
      })}
      ${marked !== null && html`<div class="ring" style=${{ transform: `translate(${place(marked)[0] - 15}px, ${place(marked)[1] - 15}px)` }}></div>`}
      ${lasso && html`<svg class="lasso" aria-hidden="true"><polygon points=${lasso.map(([u, v]) => toScreen(u, v).join(",")).join(" ")} /></svg>`}
      ${shown !== null && html`<div class="card" style=${{ transform: `translate(${flip ? x - 196 : x + 16}px, ${Math.max(6, Math.min(box().height - 300, y - 120))}px)` }}>
        <img src=${image(run, shown)} alt="" width="160" height="240" /><b>${facts.current.has(shown) ? titleOf(facts.current.get(shown)) : ""}</b>
        <span>${facts.current.has(shown) ? [facts.current.get(shown).year, ...facts.current.get(shown).genres].filter(Boolean).join(", ") : ""}</span></div>`}
      <div class="zooms"><button type="button" onClick=${() => zoom(1.6)} aria-label="Zoom in">+</button><button type="button" onClick=${() => zoom(1 / 1.6)} aria-label="Zoom out">−</button>
        <button type="button" aria-pressed=${String(drawing)} onClick=${() => setDrawing(!drawing)} title="Draw around posters to see them on a wall (or hold Shift)">Lasso</button></div>
    </div>
    <ul class="legend">${used.slice(0, 24).map(({ name, code, posters: many }) => html`<li><a data-replace data-keep role="button" aria-pressed=${String(only === code)}
      href=${changed({ only: only === code ? null : String(code) })}><i style=${{ background: `rgb(${tints[code].join(" ")})` }}></i>${name} <small>${count(many)}</small></a></li>`)}</ul>
    <p class="note">Posters near each other look alike; distances between far groups mean little (t-SNE of ${count(Math.min(1500, places.length / 2))} posters${places.length / 2 > 1500 ? ", the others placed between their nearest" : ""}).
      ${by === "genre" ? " A poster’s colour is the rarest of its genres; the eight that are most often so have a colour." : ""}</p>`;
}

function useFactsOf(run, rows, facts, done) {
  const missing = rows.filter((row) => !facts.has(row));
  const key = missing.join(",");
  useEffect(() => {
    if (!missing.length) return undefined;
    const timer = setTimeout(() => get(`runs/${run}/posters`, { rows: missing.slice(0, 200).join(",") }).then((answer) => {
      for (const poster of answer) facts.set(poster.row, poster);
      done();
    }, () => undefined), missing.length > 3 ? 150 : 10);
    return () => clearTimeout(timer);
  }, [key]);
}

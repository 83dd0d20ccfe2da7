// The shell of the page: mast, views, keys, and what concerns the whole window.

import { html, render, useState, useEffect, useErrorBoundary } from "../vendor/preact-htm.js";
import { useAddress, href, go, changed, current } from "./state.js";
import { useGet, post } from "./api.js";
import { Busy, Failure, TitleBox, count } from "./parts.js";
import { Search } from "./views/search.js";
import { PosterView } from "./views/poster.js";
import { Wall } from "./views/wall.js";
import { MapView } from "./views/map.js";
import { Viewer } from "./views/viewer.js";
import { Compare } from "./views/compare.js";
import { Board } from "./views/board.js";

const VIEWS = {
  search: ["Search", Search],
  wall: ["Wall", Wall],
  map: ["Map", MapView],
  viewer: ["Viewer", Viewer],
  compare: ["Compare", Compare],
  board: ["Board", Board],
  poster: ["Poster", PosterView],
};

function App() {
  const state = useAddress();
  const { data: status, error } = useGet("status");
  const [view, Present] = VIEWS[state.view] ? [state.view, VIEWS[state.view][1]] : ["search", Search];
  const run = status?.runs[state.run];
  useEffect(() => {
    document.title = `${VIEWS[view][0]} · keyart`;
  }, [view]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main").focus(); }}>Skip to the posters</a>
    <header class="mast">
      <a class="brand" href=${href("search", { run: state.run || null })} aria-label="keyart: start page">key<b>art</b></a>
      <nav aria-label="Views"><ul>${["search", "wall", "map", "viewer", "compare", "board"].map((name) => html`<li>
        <a href=${href(name)} aria-current=${name === view ? "page" : undefined}>${VIEWS[name][0]}${name === "board" && state.rows("board").length > 0
          ? html` <small>${state.rows("board").length}</small>` : ""}</a></li>`)}</ul></nav>
      <div class="tools">
        ${status?.runs.length > 1 && html`<label class="runs"><span class="sr">Run</span><select value=${state.run}
          onChange=${(event) => go(href(view === "poster" ? "search" : view, { run: event.target.value, board: null }))}>
          ${status.runs.map((one, at) => html`<option value=${at} selected=${at === state.run}>${at + 1}. ${one.name}</option>`)}</select></label>`}
        <${ThemeButton} />
      </div>
    </header>
    <main id="main" tabindex="-1" class=${view}>
      <${Failure} message=${error} />
      ${status && !run && html`<${Failure} message=${`There is no run ${state.run}; choose another one.`} />`}
      ${!status && !error && html`<${Busy}>Opening the runs…</${Busy}>`}
      ${run && html`<${Guarded} key=${view}><${Present} state=${state} run=${state.run} about=${run} status=${status} /></${Guarded}>`}
    </main>
    ${run && html`<${Dropping} run=${state.run} />`}
    <${Keys} />`;
}

function Guarded({ children }) {
  const [error, reset] = useErrorBoundary((fault) => console.error(fault));
  if (error) return html`<${Failure} message="This view has failed. Reload the page; if it fails again, please report the address and the browser’s console." />
    <p><button type="button" onClick=${reset}>Try again</button></p>`;
  return children;
}

function ThemeButton() {
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const [on, set] = useState(dark());
  const flip = () => {
    const next = on ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Storage may be forbidden: the choice holds until the page is closed.
    }
    set(!on);
    dispatchEvent(new Event("themechange"));
  };
  return html`<button class="theme" type="button" aria-pressed=${String(on)} onClick=${flip} title=${on ? "Light page" : "Dark page"}>
    <span aria-hidden="true">${on ? "☀" : "☾"}</span><span class="sr">Dark page</span></button>`;
}

/** Search with a picture of one's own: dropped, pasted or chosen. */
export async function searchWith(file, run) {
  if (!/^image\/(jpeg|png|webp)$/.test(file.type)) throw new Error("This is not a JPEG, PNG or WebP image; choose another file.");
  if (file.size > 20_000_000) throw new Error("This image is larger than 20 MB; scale it down.");
  const { image } = await post(`runs/${run}/images`, file);
  go(href("search", { image }));
}

function Dropping({ run }) {
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const use = async (file) => {
    setFailure(null);
    setBusy(true);
    try {
      await searchWith(file, run);
    } catch (error) {
      setFailure(error.message);
    }
    setBusy(false);
  };
  useEffect(() => {
    const files = (event) => [...(event.dataTransfer ?? event.clipboardData)?.files ?? []];
    const drag = (event) => {
      if (![...event.dataTransfer?.types ?? []].includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event) => !event.relatedTarget && setOver(false);
    const drop = (event) => {
      event.preventDefault();
      setOver(false);
      if (files(event).length) use(files(event)[0]);
    };
    const paste = (event) => files(event).length && use(files(event)[0]);
    const chosen = (event) => use(event.detail);
    const all = { dragenter: drag, dragover: drag, dragleave: leave, drop, paste, "keyart-image": chosen };
    for (const [name, listener] of Object.entries(all)) addEventListener(name, listener);
    return () => Object.entries(all).forEach(([name, listener]) => removeEventListener(name, listener));
  }, [run]);
  return html`
    ${over && html`<div class="drop" aria-hidden="true"><p>Drop the picture to find posters like it</p></div>`}
    ${busy && html`<div class="toast"><${Busy}>Looking at the picture; the first one takes a few seconds while the model loads…</${Busy}></div>`}
    ${failure && html`<div class="toast"><${Failure} message=${failure} /><button type="button" onClick=${() => setFailure(null)}>Close</button></div>`}`;
}

/** `/` searches, `?` shows the keys. */
function Keys() {
  const [shown, show] = useState(false);
  useEffect(() => {
    const key = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      if (event.key === "/") {
        event.preventDefault();
        const box = document.querySelector("main input[type=search]");
        if (box) box.focus();
        else {
          go(href("search"));
          requestAnimationFrame(() => document.querySelector("main input[type=search]")?.focus());
        }
      } else if (event.key === "?") show((now) => !now);
      else if (event.key === "Escape") show(false);
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  return shown && html`<div class="toast keys" role="dialog" aria-label="Keys"><dl>
    <dt>/</dt><dd>search</dd><dt>Tab, Enter</dt><dd>go to a poster, open it</dd><dt>← → ↑ ↓</dt><dd>move along the wall and the map</dd>
    <dt>+ −</dt><dd>zoom the map</dd><dt>?</dt><dd>show or hide these keys</dd></dl></div>`;
}

render(html`<${App} />`, document.getElementById("app"));

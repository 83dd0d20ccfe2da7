// The address is the state: reading it, changing it, and going back to where one was.

import { useState, useEffect } from "../vendor/preact-htm.js";

const GLOBAL = ["run", "board"]; // kept from view to view
const listeners = new Set();
history.scrollRestoration = "manual";

/** The present view and its parameters. */
export function current() {
  const url = new URL(location.href);
  const view = url.pathname.slice(1) || "search";
  const all = (name) => url.searchParams.getAll(name);
  const one = (name) => url.searchParams.get(name);
  const number = (name, otherwise = null) => (/^\d+$/.test(one(name) ?? "") ? Number(one(name)) : otherwise);
  const rows = (name) => (one(name) ?? "").split(".").filter((row) => /^\d+$/.test(row)).map(Number);
  return { view, one, all, number, rows, run: number("run", 0), key: url.pathname + url.search };
}

/** The address of a view. A parameter may be a value, a list (repeated), or null (left out). */
export function href(view, params = {}) {
  const now = new URL(location.href).searchParams;
  const next = new URLSearchParams();
  const put = (name, value) => {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "" && one !== false) next.append(name, one === true ? "1" : one);
  };
  for (const name of GLOBAL) put(name, name in params ? params[name] : now.get(name));
  for (const [name, value] of Object.entries(params)) if (!GLOBAL.includes(name)) put(name, value);
  const query = next.toString();
  return `/${view === "search" ? "" : view}${query ? `?${query}` : ""}`;
}

/** The address of the present view with some parameters changed. */
export function changed(params) {
  const { view } = current();
  const kept = {};
  for (const name of new Set(new URL(location.href).searchParams.keys())) kept[name] = current().all(name);
  return href(view, { ...kept, ...params });
}

/** Go to an address of this page; `replace` leaves no step in the history. */
export function go(address, { replace = false, keepScroll = replace } = {}) {
  history.replaceState({ ...history.state, scroll: window.scrollY }, "");
  if (replace) history.replaceState(history.state, "", address);
  else history.pushState({ scroll: keepScroll ? window.scrollY : 0 }, "", address);
  announce();
  if (!keepScroll) window.scrollTo(0, 0);
}

function announce() {
  for (const listener of listeners) listener(current());
}

/** Scroll to where this step of the history was left, as soon as the page is long enough, unless the person scrolls first. */
function restore() {
  const left = history.state?.scroll ?? 0;
  let until = performance.now() + 10_000; // after the view has loaded
  const own = new AbortController();
  for (const name of ["wheel", "keydown", "pointerdown", "popstate"]) addEventListener(name, () => own.abort(), { signal: own.signal, passive: true });
  let held = 0; // frames: the view that is left may be long enough, and the one that comes not yet
  const attempt = () => {
    if (own.signal.aborted) return;
    window.scrollTo(0, left);
    const busy = document.querySelector("main .busy") !== null;
    if (busy) until = performance.now() + 10_000;
    held = busy || Math.abs(window.scrollY - left) > 2 ? 0 : held + 1;
    if (held < 30 && performance.now() < until) requestAnimationFrame(attempt);
    else own.abort();
  };
  attempt();
}

addEventListener("popstate", () => {
  announce();
  restore();
});
addEventListener("pagehide", () => history.replaceState({ ...history.state, scroll: window.scrollY }, ""));
let settling = 0;
addEventListener("scroll", () => {
  clearTimeout(settling);
  settling = setTimeout(() => history.replaceState({ ...history.state, scroll: window.scrollY }, ""), 120);
}, { passive: true });
if (history.state?.scroll) restore();

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || link.target || link.download || /^\/(api|static)\//.test(url.pathname)) return;
  event.preventDefault();
  go(url.pathname + url.search, { replace: "replace" in link.dataset, keepScroll: "keep" in link.dataset });
});

/** The present state, followed. */
export function useAddress() {
  const [state, set] = useState(current);
  useEffect(() => {
    listeners.add(set);
    return () => listeners.delete(set);
  }, []);
  return state;
}

/** A value that survives Back, as part of this step of the history. */
export function remembered(name, otherwise) {
  return history.state?.[name] ?? otherwise;
}

export function remember(name, value) {
  history.replaceState({ ...history.state, [name]: value }, "");
}

// Search: a title, an id or a picture, and the posters that are most like it.

import { html, useState, useEffect, useRef, useMemo } from "../../vendor/preact-htm.js";
import { href, changed, go, remember, remembered } from "../state.js";
import { get, uploaded, useGet } from "../api.js";
import { Busy, Failure, Filters, Grid, Picture, Poster, TitleBox, count, readingTitles, titleOf, Genres, useModel } from "../parts.js";
import { Why } from "./why.js";

const PAGE = 40;
const MOST = 2000;

export function Search({ state, run, about }) {
  const row = state.number("row");
  const image = state.one("image");
  const text = state.one("q");
  const other = state.number("with");
  const asked = row !== null || image || text;
  const open = (poster) => go(href("search", { row: poster.row }));
  return html`
    <section class=${asked ? "ask" : "ask first"}>
      ${!asked && html`<p class="overline">${about.name} · ${count(about.posters)} posters</p><h1>Which posters look and feel alike?</h1>`}
      <div class="askrow"><${TitleBox} id="search" run=${run} large label="A film’s title or a poster’s id" placeholder="A film’s title, or an id" onChoose=${open} />
        <${Choose} /></div>
      ${!asked && html`<p class="muted">Or drop or paste a picture anywhere on this page; it is not kept. Press <kbd>/</kbd> to search, <kbd>?</kbd> for the keys.</p>`}
    </section>
    ${image && other !== null && html`<${Why} key=${`${run} ${image} ${other}`} run=${run} first=${{ image }} other=${other} about=${about} />`}
    ${asked ? html`<${Results} key=${`${run} ${row} ${image} ${text}`} state=${state} run=${run} about=${about} row=${row} image=${image} text=${text} />`
      : html`<${Beginning} run=${run} about=${about} />`}`;
}

function Choose() {
  const input = useRef(null);
  return html`<button class="choose" type="button" onClick=${() => input.current.click()}>Choose a picture</button>
    <input ref=${input} type="file" hidden accept="image/jpeg,image/png,image/webp" aria-label="A picture to search with" onChange=${(event) => {
      const [file] = event.target.files;
      event.target.value = "";
      if (file) dispatchEvent(new CustomEvent("keyart-image", { detail: file }));
    }} />`;
}

/** Posters from all over the catalogue, to begin with. */
function Beginning({ run, about }) {
  const rows = useMemo(() => {
    const many = Math.min(24, about.posters);
    return Array.from({ length: many }, (_, at) => Math.floor(((at + 0.5) * about.posters) / many));
  }, [run, about.posters]);
  const { data, error } = useGet(`runs/${run}/posters`, { rows: rows.join(",") });
  // The model is loaded once the first posters are there, so that it does not delay them.
  const [painted, setPainted] = useState(false);
  useEffect(() => {
    if (!data) return undefined;
    const timer = setTimeout(() => setPainted(true), 1500);
    return () => clearTimeout(timer);
  }, [Boolean(data)]);
  useModel(painted);
  return html`<section><h2>Begin with one of these</h2><${Failure} message=${error} />
    ${data && html`<${Grid} label="Posters to begin with">${data.map((poster) => html`<${Poster} key=${poster.row} run=${run} poster=${poster}
      link=${href("search", { row: poster.row })} eager />`)}</${Grid}>`}</section>`;
}

function Results({ state, run, about, row, image, text }) {
  const genres = state.all("genre");
  const year = state.one("year");
  const diverse = state.one("diverse") === "1";
  const unique = state.one("unique") === "1";
  const asked = { row, image, query: row === null && !image ? text : null };
  const filters = { genre: genres, year, diverse, hide_duplicates: unique };
  const key = JSON.stringify([asked, filters]);
  const [found, setFound] = useState({ key: null, neighbours: [] });
  const [failure, setFailure] = useState(null);
  const [limit, setLimit] = useState(remembered(`shown ${key}`, PAGE));
  const [loading, setLoading] = useState(false);
  const [progress, setProgress] = useState(null);
  const { data: facets } = useGet(`runs/${run}/facets`, { genre: genres, year });
  const latest = useRef(key);
  latest.current = key;
  useEffect(() => setLimit(remembered(`shown ${key}`, PAGE)), [key]);
  useEffect(() => {
    const known = found.key === key ? found.neighbours : [];
    if (known.length >= limit) return undefined;
    const control = new AbortController();
    setLoading(true);
    setFailure(null);
    setProgress(null);
    // A diverse list depends on its length, so it is asked for as a whole.
    const skip = diverse ? 0 : known.length;
    get(`runs/${run}/search`, { ...asked, ...filters, k: limit, skip }, { signal: control.signal, report: setProgress }).then((answer) => {
      if (latest.current !== key) return;
      setFound({ ...answer, key, neighbours: diverse ? answer.neighbours : [...known, ...answer.neighbours] });
      setLoading(false);
      remember(`shown ${key}`, limit);
    }, (error) => {
      if (error.name === "AbortError" || latest.current !== key) return;
      setFailure(error.message);
      setLoading(false);
    });
    return () => control.abort();
  }, [key, limit]);
  const fresh = found.key === key;
  const { query, neighbours, searched = 0, posters = 0 } = found;
  // Near-duplicates shorten a list; without them only the catalogue's end does.
  const more = fresh && !loading && neighbours.length >= limit && limit < Math.min(MOST, searched);
  const end = useRef(null);
  useEffect(() => {
    if (!more) return undefined;
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setLimit((now) => Math.min(MOST, now + PAGE)),
      { rootMargin: "900px" });
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [more, neighbours.length]);
  const toggle = (name, on, label, title) => html`<label class="switch" title=${title}><input type="checkbox" role="switch" checked=${on}
    onChange=${() => go(changed({ [name]: on ? null : "1" }), { replace: true })} />${label}</label>`;
  const hidden = facets ? facets.posters - facets.shown : 0;
  return html`<div class="found">
    <aside class="asked">${query && html`<${Asked} run=${run} query=${query} image=${image} />`}</aside>
    <section class="results" aria-busy=${String(loading)}>
      <div class="options">
        ${toggle("diverse", diverse, "diverse", "Posters that also differ from one another")}
        ${toggle("unique", unique, "hide duplicates", "Show no picture twice")}
        <p class="muted" role="status">${fresh ? html`<b>${count(neighbours.length)}</b> nearest of ${searched === posters
          ? count(posters) : html`${count(searched)} that pass the filters, of ${count(posters)}`}` : ""}</p>
      </div>
      <${Filters} facets=${facets} genres=${genres} years=${year} hidden=${hidden} />
      <${Failure} message=${failure} />
      <${Grid} label="Posters, the most similar first">${neighbours.map((poster, at) => html`<${Poster} key=${poster.row} run=${run} poster=${poster}
        query=${query} score=${poster.score} share=${poster.closer_than} eager=${at < 8} note=${html`<div class="links"><a href=${image
          ? changed({ with: poster.row }) : href("poster", { row: query?.row, with: poster.row })}>Why alike?</a></div>`}
        link=${href("poster", { row: poster.row, from: query?.row })} />`)}</${Grid}>
      ${loading && html`<${Busy}>${progress ? readingTitles(progress) : unique ? "Looking for pictures that are the same…" : "Searching…"}</${Busy}>`}
      <div ref=${end}></div>
      ${more && html`<p class="more"><button type="button" onClick=${() => setLimit(Math.min(MOST, limit + PAGE))}>Show ${PAGE} more</button></p>`}
      ${fresh && !more && !loading && !failure && html`<p class="end">${neighbours.length ? `The end: ${neighbours.length >= MOST ? `the ${count(MOST)} nearest are shown` : "no more posters"}${
        hidden > 0 ? `; ${count(hidden)} are hidden by the filters` : ""}.` : "No poster passes the filters."}
        ${" "}<a href="#main" onClick=${(event) => { event.preventDefault(); scrollTo(0, 0); }}>To the top</a></p>`}
    </section></div>`;
}

function Asked({ run, query, image }) {
  if (image) return html`<figure class="poster driver"><div class="frame"><img class="whole" src=${uploaded(image)} alt="The picture that you chose" /></div>
    <figcaption><b>Your picture</b><div class="facts">kept in memory only, and forgotten with the server</div></figcaption></figure>`;
  return html`<figure class="poster driver"><a class="frame" href=${href("poster", { row: query.row })}><${Picture} run=${run} poster=${query} width=${480} eager /></a>
    <figcaption><b>${titleOf(query)}</b><div class="facts">${query.year ?? ""} <${Genres} genres=${query.genres} /></div>
    <a href=${href("poster", { row: query.row })}>Look closer</a></figcaption></figure>`;
}

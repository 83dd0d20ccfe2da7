// One poster: its neighbours, what is the same picture, and what the frozen backbone finds.

import { html, useState } from "../../vendor/preact-htm.js";
import { changed, href } from "../state.js";
import { useGet } from "../api.js";
import { Busy, Failure, Genres, Grid, Picture, Pin, Poster, count, titleOf } from "../parts.js";
import { Why } from "./why.js";

export function PosterView({ state, run, about }) {
  const row = state.number("row", 0);
  const other = state.number("with");
  const tab = state.one("beside") ?? "run";
  const { data: poster, error } = useGet(`runs/${run}/posters/${row}`);
  if (error) return html`<${Failure} message=${error} />`;
  if (!poster) return html`<${Busy} />`;
  const liked = state.rows("liked");
  return html`
    ${other !== null && html`<${Why} key=${`${run} ${row} ${other}`} run=${run} first=${poster} other=${other} about=${about} />`}
    <div class="stage">
      <div class="still"><${Picture} run=${run} poster=${poster} width=${480} eager /></div>
      <div class="about">
        <p class="overline">${[poster.year, poster.split && `${poster.split} split`].filter(Boolean).join(" · ") || "poster"}</p>
        <h1>${titleOf(poster)}</h1>
        <p><${Genres} genres=${poster.genres} /> <span class="muted">${poster.id}</span></p>
        <p class="actions"><${Pin} row=${row} name=${titleOf(poster)} /><a href=${href("search", { row })}>Search from here</a>
          <a href=${href("map", { row })}>Find on the map</a><a href=${href("viewer", { liked: [...liked, row].join(".") })}>Who likes this likes…</a>
          <a href=${href("compare", { row })}>Compare runs</a></p>
        <${Others} key=${`${run} ${row}`} run=${run} row=${row} poster=${poster} />
      </div>
    </div>
    <section>
      <div class="tabs" role="tablist" aria-label="Neighbours by">
        ${[["run", "Nearest in this run"], ["frozen", "Nearest by the frozen backbone"]].map(([name, label]) => html`
          <a role="tab" id=${`tab-${name}`} aria-selected=${String(tab === name)} aria-controls="beside" data-replace data-keep
            href=${changed({ beside: name === "run" ? null : name })}>${label}</a>`)}
      </div>
      <div id="beside" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
      ${tab === "frozen" ? html`<${Frozen} run=${run} row=${row} poster=${poster} />` : html`<${Nearest} run=${run} row=${row} poster=${poster} other=${other} />`}
      </div>
    </section>`;
}

const whyLink = (poster, query) => html`<div class="links"><a href=${href("poster", { row: query.row, with: poster.row })}>Why alike?</a></div>`;

function Nearest({ run, row, poster, other }) {
  const { data, error, loading } = useGet(`runs/${run}/search`, { row, k: 30 });
  return html`<p class="note">Red genres are shared. A bar’s length is the cosine of two embeddings; hover it to see how unusual that is.</p>
    <${Failure} message=${error} />${loading && html`<${Busy} />`}
    ${data && html`<${Grid} label="Nearest posters">${data.neighbours.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one} query=${poster}
      score=${one.score} share=${one.closer_than} mark=${one.row === other ? "marked" : ""} note=${whyLink(one, poster)} />`)}</${Grid}>
      <p class="more"><a class="button" href=${href("search", { row })}>More, with filters</a></p>`}`;
}

function Frozen({ run, row, poster }) {
  const { data: frozen, error, loading, progress } = useGet(`runs/${run}/posters/${row}/frozen`, { k: 30 });
  const { data } = useGet(`runs/${run}/search`, { row, k: 30 });
  const known = new Set(data?.neighbours.map((one) => one.row));
  return html`<p class="note">The same backbone before training finds these by its own pooled features. Outlined: only it found them, not the run among its 30.</p>
    <${Failure} message=${error} />
    ${loading && html`<${Busy}>${progress && `Computing the frozen backbone’s features: ${count(progress.done)} of ${count(progress.total)} posters…`}</${Busy}>`}
    ${frozen && html`<${Grid} label="Nearest posters by the frozen backbone">${frozen.neighbours.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one}
      query=${poster} score=${one.score} mark=${data && !known.has(one.row) ? "marked" : ""} note=${whyLink(one, poster)} />`)}</${Grid}>`}`;
}

function Others({ run, row, poster }) {
  const [requested, request] = useState(false);
  const { data, error, loading } = useGet(requested ? `runs/${run}/posters/${row}/duplicates` : null);
  return html`
    ${poster.same_film.length > 0 && html`<h2>Other artwork of this film</h2><${Grid} small label="Other artwork">${poster.same_film.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one} />`)}</${Grid}>`}
    ${!requested && html`<p><button type="button" onClick=${() => request(true)}>Look for the same picture elsewhere</button></p>`}
    ${loading && html`<${Busy}>Comparing pictures; the first time takes a few seconds…</${Busy}>`}<${Failure} message=${error} />
    ${data && (data.length ? html`<h2>The same picture</h2><${Grid} small label="Near-duplicates">${data.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one} />`)}</${Grid}>`
      : html`<p class="muted">None of its 100 nearest posters is the same picture.</p>`)}`;
}

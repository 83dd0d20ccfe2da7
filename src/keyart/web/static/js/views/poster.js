// One poster: its neighbours, what is the same picture, what the frozen backbone finds, and why two are alike.

import { html, useState, useEffect, useRef } from "../../vendor/preact-htm.js";
import { changed, href } from "../state.js";
import { image, useGet } from "../api.js";
import { Busy, Failure, Genres, Grid, Picture, Pin, Poster, count, describe, percent, signed, titleOf, useModel } from "../parts.js";
import { drawHeat, drawScale, fullScale } from "../heat.js";

export function PosterView({ state, run, about }) {
  const row = state.number("row", 0);
  const other = state.number("with");
  const tab = state.one("beside") ?? "run";
  const { data: poster, error } = useGet(`runs/${run}/posters/${row}`);
  if (error) return html`<${Failure} message=${error} />`;
  if (!poster) return html`<${Busy} />`;
  const liked = state.rows("liked");
  return html`
    ${other !== null && html`<${Why} key=${`${run} ${row} ${other}`} run=${run} poster=${poster} other=${other} about=${about} />`}
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
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState({});
  useEffect(() => {
    let stopped = false;
    fetch(`/api/runs/${run}/posters/${row}/frozen?k=30`).then((answer) => answer.json()).then((answer) => {
      if (stopped) return;
      setState(answer);
      if (answer.state === "computing") setTimeout(() => !stopped && setTurn(turn + 1), 800);
    }, () => !stopped && setState({ error: "The server does not answer." }));
    return () => { stopped = true; };
  }, [run, row, turn]);
  const { data } = useGet(`runs/${run}/search`, { row, k: 30 });
  const known = new Set(data?.neighbours.map((one) => one.row));
  return html`<p class="note">The same backbone before training finds these by its own pooled features. Outlined: only it found them, not the run among its 30.</p>
    <${Failure} message=${state.error ?? state.problem} />
    ${state.state === "computing" && html`<${Busy}>Computing the frozen backbone’s features: ${count(state.done)} of ${count(state.total)} posters…</${Busy}>`}
    ${!state.state && !state.error && html`<${Busy} />`}
    ${state.neighbours && html`<${Grid} label="Nearest posters by the frozen backbone">${state.neighbours.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one}
      query=${poster} score=${one.score} mark=${data && !known.has(one.row) ? "marked" : ""} note=${whyLink(one, poster)} />`)}</${Grid}>`}`;
}

function Others({ run, row, poster }) {
  const [wanted, want] = useState(false);
  const { data, error, loading } = useGet(wanted ? `runs/${run}/posters/${row}/duplicates` : null);
  return html`
    ${poster.same_film.length > 0 && html`<h2>Other artwork of this film</h2><${Grid} small label="Other artwork">${poster.same_film.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one} />`)}</${Grid}>`}
    ${!wanted && html`<p><button type="button" onClick=${() => want(true)}>Look for the same picture elsewhere</button></p>`}
    ${loading && html`<${Busy}>Comparing pictures; the first time takes a few seconds…</${Busy}>`}<${Failure} message=${error} />
    ${data && (data.length ? html`<h2>The same picture</h2><${Grid} small label="Near-duplicates">${data.map((one) => html`<${Poster} key=${one.row} run=${run} poster=${one} />`)}</${Grid}>`
      : html`<p class="muted">None of its 100 nearest posters is the same picture.</p>`)}`;
}

function Why({ run, poster, other, about }) {
  const { data: beside } = useGet(`runs/${run}/posters/${other}`);
  const { data: why, error } = useGet(`runs/${run}/explain`, { a: poster.row, b: other });
  const model = useModel(!why && !error);
  const scale = why && fullScale(why.posters.map((one) => one.attributions));
  const bar = useRef(null);
  useEffect(() => { if (bar.current) drawScale(bar.current); }, [why]);
  return html`<section class="why" aria-label="Why they are alike">
    <div class="whyhead"><h2>What makes them alike</h2>${why && html`<p class="number"><b>cosine ${signed(why.similarity)}</b>
      ${why.closer_than !== null && html` <span>closer than ${percent(why.closer_than)} of random pairs</span>`}</p>`}
      <a class="close" href=${changed({ with: null })} data-replace data-keep>Close</a></div>
    <${Failure} message=${error} />
    ${!why && !error && html`<${Busy}>${model?.state === "loading" ? `Loading the model, ${model.seconds?.toFixed(0)} s so far…` : "Attributing the similarity to the posters’ regions…"}</${Busy}>`}
    ${why && beside && html`<div class="pair">${[poster, beside].map((one, at) => html`<${Heat} key=${one.row} run=${run} poster=${one} share=${why.posters[at]}
      similarity=${why.similarity} scale=${scale} size=${about.image_size} />`)}</div>
    <div class="reasons">
    <div class="scale"><canvas ref=${bar} width="300" height="14" role="img" aria-label="Colour scale from cool, which lowers the cosine, to warm, which raises it"></canvas>
      <p class="ticks"><span>−${scale.toPrecision(2)} or less</span><span>0</span><span>+${scale.toPrecision(2)} or more</span></p></div>
    ${why.cues && html`<${Cues} cues=${why.cues} similarity=${why.similarity} />`}</div>
    <p class="note">A cell’s colour is what it adds to the cosine, warm if it raises and cool if it lowers it; both posters have one scale, smoothed by one cell for the eye.
      The white line surrounds the cells with half of all that raises it. Attributions by ${why.method}; the baseline is: ${why.baseline_is}.</p>`}
  </section>`;
}

/** What each kind of cue adds to the cosine of two random posters. */
function Cues({ cues, similarity }) {
  const parts = Object.entries(cues.parts);
  const low = Math.min(0, ...parts.map(([, part]) => part));
  const whole = Math.max(0.1, Math.max(0, ...parts.map(([, part]) => part)) - low);
  return html`<div class="cues"><table><caption>Kinds of cue: what each adds to the cosine of a random pair</caption><tbody>${parts.map(([name, part]) => html`<tr>
      <th scope="row">${name}</th><td class="bar"><i class=${part < 0 ? "lowers" : ""} style=${{ marginLeft: `${((Math.min(0, part) - low) / whole) * 100}%`,
        width: `${(Math.abs(part) / whole) * 100}%` }}></i></td><td>${part < 0 ? "" : "+"}${signed(part)}</td></tr>`)}</tbody></table>
    <p class="note">${signed(similarity)} = ${signed(cues.baseline)}, which is ${cues.baseline_is}, and these parts. Colour is the palette; layout, where the large masses lie;
      texture, the grain of the detail; content, the shapes that the detail draws.</p></div>`;
}

function Heat({ run, poster, share, similarity, scale, size }) {
  const canvas = useRef(null);
  const [drawn, setDrawn] = useState(false);
  useEffect(() => {
    const picture = new Image();
    picture.onload = () => {
      if (!canvas.current) return;
      const larger = 436 / size[0];
      drawHeat(canvas.current, picture, share.attributions, scale, size.map((side) => Math.round(side * larger)));
      setDrawn(true);
    };
    picture.src = image(run, poster.row, 480);
  }, [run, poster.row]);
  const flat = share.attributions.flat();
  const added = flat.reduce((sum, value) => sum + Math.max(0, value), 0);
  const taken = flat.reduce((sum, value) => sum + Math.min(0, value), 0);
  return html`<figure class="heat"><div class="two"><a href=${href("poster", { row: poster.row })}><${Picture} run=${run} poster=${poster} width=${480} eager /></a>
    <canvas ref=${canvas} class=${drawn ? "drawn" : ""} role="img" aria-label=${`Heat map of ${describe(poster)}: cells raise the cosine by ${added.toFixed(2)} and lower it by ${Math.abs(taken).toFixed(2)}`}></canvas></div>
    <figcaption><b>${titleOf(poster)}</b><div class="sum">${signed(similarity)} = baseline ${signed(share.baseline)} <em>+${added.toFixed(2)}</em> <i>−${Math.abs(taken).toFixed(2)}</i>
    ${Math.abs(share.non_spatial) >= 0.005 ? ` + non-spatial ${signed(share.non_spatial)}` : ""}</div></figcaption></figure>`;
}

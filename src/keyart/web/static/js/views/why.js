// Why two are alike: heat maps over both, and how much each kind of cue carries.

import { html, useState, useEffect, useRef } from "../../vendor/preact-htm.js";
import { changed, href } from "../state.js";
import { image, uploaded, useGet } from "../api.js";
import { Busy, Failure, Picture, describe, percent, signed, titleOf, useModel } from "../parts.js";
import { drawHeat, drawScale, fullScale } from "../heat.js";

/** Explain a poster, or the picture `{ image }` that somebody chose, and the poster of another row. */
export function Why({ run, first, other, about }) {
  const { data: beside } = useGet(`runs/${run}/posters/${other}`);
  const { data: why, error } = useGet(`runs/${run}/explain`, { a: first.row, image: first.image, b: other });
  const model = useModel(!why && !error);
  const scale = why && fullScale(why.posters.map((one) => one.attributions));
  const bar = useRef(null);
  useEffect(() => { if (bar.current) drawScale(bar.current); }, [why]);
  return html`<section class="why" aria-label="Why they are alike">
    <div class="whyhead"><h2>What makes them alike</h2>${why && html`<p class="number"><b>cosine ${signed(why.similarity)}</b>
      ${why.closer_than !== null && html` <span>closer than ${percent(why.closer_than)} of random pairs</span>`}</p>`}
      <a class="close" href=${changed({ with: null })} data-replace data-keep>Close</a></div>
    <${Failure} message=${error} />
    ${!why && !error && html`<${Busy}>${model?.state === "loading" ? `Loading the model, ${model.seconds?.toFixed(0)} s so far…` : "Attributing the similarity to regions and kinds of cue…"}</${Busy}>`}
    ${why && beside && html`<div class="pair">${[first, beside].map((one, at) => html`<${Heat} key=${at} run=${run} poster=${one} share=${why.posters[at]}
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
  return html`<div class="cues"><h3 id="cues">Kinds of cue: what each adds to the cosine of a random pair</h3><table aria-labelledby="cues"><tbody>${parts.map(([name, part]) => html`<tr>
      <th scope="row">${name}</th><td class="bar"><i class=${part < 0 ? "lowers" : ""} style=${{ marginLeft: `${((Math.min(0, part) - low) / whole) * 100}%`,
        width: `${(Math.abs(part) / whole) * 100}%` }}></i></td><td>${part < 0 ? "" : "+"}${signed(part)}</td></tr>`)}</tbody></table>
    <p class="note">The cosine ${signed(similarity)} is ${signed(cues.baseline)} (${cues.baseline_is}) and these parts. Colour is the palette; layout, where the large masses lie;
      texture, the grain of the detail; content, the shapes that the detail draws.</p></div>`;
}

function Heat({ run, poster, share, similarity, scale, size }) {
  const source = poster.image ? uploaded(poster.image) : image(run, poster.row, 480);
  const name = poster.image ? "Your picture" : titleOf(poster);
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
    picture.src = source;
  }, [source]);
  const flat = share.attributions.flat();
  const added = flat.reduce((sum, value) => sum + Math.max(0, value), 0);
  const taken = flat.reduce((sum, value) => sum + Math.min(0, value), 0);
  return html`<figure class="heat"><div class="two">${poster.image ? html`<img src=${source} alt=${name} />`
      : html`<a href=${href("poster", { row: poster.row })}><${Picture} run=${run} poster=${poster} width=${480} eager /></a>`}
    <canvas ref=${canvas} class=${drawn ? "drawn" : ""} role="img" aria-label=${`Heat map of ${poster.image ? name : describe(poster)}: cells raise the cosine by ${added.toFixed(2)} and lower it by ${Math.abs(taken).toFixed(2)}`}></canvas></div>
    <figcaption><b>${name}</b><div class="sum">${signed(similarity)} = baseline ${signed(share.baseline)} <em>+${added.toFixed(2)}</em> <i>−${Math.abs(taken).toFixed(2)}</i>
    ${Math.abs(share.non_spatial) >= 0.005 ? ` + non-spatial ${signed(share.non_spatial)}` : ""}</div></figcaption></figure>`;
}

// Runs beside each other: their metrics, and one poster's neighbours in each.

import { html, useState } from "../../vendor/preact-htm.js";
import { changed, go, href } from "../state.js";
import { useGet } from "../api.js";
import { Busy, Failure, Grid, Poster, TitleBox, count, signed, titleOf } from "../parts.js";

export function Compare({ state, run, status }) {
  const runs = status.runs;
  const row = state.number("row");
  const chosen = state.rows("runs").filter((number) => number < runs.length);
  const shown = chosen.length ? chosen : runs.map((_, at) => at).slice(0, 4);
  if (runs.length < 2) return html`<h1 class="small">Compare</h1><p class="lead">There is one run. Start <code>keyart serve RUN RUN</code> with two or more to see them beside each other.</p><${Single} run=${run} />`;
  const toggle = (number) => changed({ runs: (shown.includes(number) ? shown.filter((other) => other !== number) : [...shown, number].sort((a, b) => a - b)).join(".") });
  return html`<div class="wallhead"><h1 class="small">Compare</h1>
      <div class="chips" role="group" aria-label="Runs to compare">${runs.map((one, at) => html`<a class="chip" role="button" aria-pressed=${String(shown.includes(at))} data-replace data-keep href=${toggle(at)}>${at + 1}. ${one.name}</a>`)}</div></div>
    ${shown.length > 1 ? html`<${Metrics} key=${shown.join()} shown=${shown} runs=${runs} all=${state.one("all") === "1"} />` : html`<p class="end">Choose two runs or more.</p>`}
    <section><h2>One poster’s neighbours in each run</h2>
      <${TitleBox} id="query" run=${run} label="The poster whose neighbours are compared" placeholder="A film’s title, or an id" onChoose=${(poster) => go(changed({ row: poster.row }), { keepScroll: true })} />
      ${row !== null ? html`<${Beside} key=${`${row} ${shown}`} run=${run} row=${row} shown=${shown} runs=${runs} />` : ""}
      ${shown.length > 1 && html`<${Disputed} first=${shown[0]} second=${shown[1]} run=${run} />`}</section>`;
}

function Single({ run }) {
  const { data } = useGet(`runs/${run}/metrics`);
  const keys = Object.keys(data ?? {}).filter((key) => /^test\/[^/]+$/.test(key) && `${key}/chance` in data);
  return data ? html`<div class="scroll"><table><caption>Metrics of this run on its test split</caption><thead><tr><th scope="col">metric</th><th scope="col">value</th><th scope="col">chance</th><th scope="col">frozen</th><th scope="col">lift</th></tr></thead>
    <tbody>${keys.map((key) => html`<tr><th scope="row">${key.slice(5)}</th>${["", "/chance", "/frozen", "/lift"].map((end) => html`<td>${number(data[key + end], end === "/lift" ? 2 : 4)}</td>`)}</tr>`)}</tbody></table></div>` : html`<${Busy} />`;
}

const number = (value, digits = 4) => (value === null || value === undefined ? "–" : signed(value, digits));

function Metrics({ shown, runs, all }) {
  const { data, error, loading } = useGet("compare", { run: shown });
  const metrics = Object.entries(data?.metrics ?? {});
  const differing = metrics.filter(([, one]) => one.runs.some((run) => run.significant));
  const rows = all ? metrics : differing;
  return html`<${Failure} message=${error} />${loading && html`<${Busy}>Comparing by paired bootstrap over the queries…</${Busy}>`}
    ${data && html`<p class="note">${count(data.queries)} queries, ${count(data.gallery)} posters in the gallery. Differences from run ${shown[0] + 1} with ${Math.round(data.level * 100)}% intervals;
      ${differing.length ? ` ${differing.length} of ${metrics.length} metrics differ significantly` : " no metric differs significantly"}.
      ${" "}<a href=${changed({ all: all ? null : "1" })} data-replace data-keep>${all ? "Show only what differs" : `Show all ${metrics.length}`}</a></p>
    ${rows.length > 0 && html`<div class="scroll"><table><caption>Metrics of the runs</caption><thead><tr><th scope="col">metric</th><th scope="col">chance</th>${shown.map((at) => html`<th scope="col">${at + 1}. ${runs[at].name}</th>`)}</tr></thead>
      <tbody>${rows.map(([name, one]) => html`<tr><th scope="row">${name}</th><td>${number(one.chance)}</td>${one.runs.map((run) => html`<td class=${run.significant ? run.verdict : ""}>
        ${number(run.value)}${run.difference !== undefined && html`<br /><small>${run.significant ? html`<span class="sign">${run.verdict === "better" ? "▲" : "▼"}</span>` : ""}${run.difference > 0 ? "+" : ""}${number(run.difference)} [${number(run.low)}, ${number(run.high)}]</small>`}</td>`)}</tr>`)}</tbody></table></div>`}`}`;
}

function Beside({ run, row, shown, runs }) {
  const { data: query, error } = useGet(`runs/${run}/posters/${row}`);
  // Runs may hold the posters in different orders: the id names the same one in each.
  const answers = shown.map((at) => useGet(query ? `runs/${at}/search` : null, { query: query?.id, k: 12 }));
  const found = answers.map((one) => new Set(one.data?.neighbours.map((poster) => poster.id)));
  const alone = (id, at) => answers.every((one) => one.data) && found.every((ids, other) => other === at || !ids.has(id));
  return html`<${Failure} message=${error} />${query && html`<div class="beside"><p class="lead">Neighbours of <a href=${href("poster", { row })}><b>${titleOf(query)}</b></a>. Outlined: only that run finds the poster among its 12.</p>
    ${shown.map((at, place) => html`<section class="column"><h3>${at + 1}. ${runs[at].name}</h3><${Failure} message=${answers[place].error} />${answers[place].loading && html`<${Busy} />`}
      <${Grid} small label=${`Neighbours in ${runs[at].name}`}>${(answers[place].data?.neighbours ?? []).map((poster) => html`<${Poster} key=${poster.id} run=${at} poster=${poster} query=${query}
        score=${poster.score} share=${poster.closer_than} mark=${alone(poster.id, place) ? "marked" : ""} />`)}</${Grid}></section>`)}</div>`}`;
}

function Disputed({ first, second, run }) {
  const [requested, request] = useState(false);
  const { data, error, loading } = useGet(requested ? "differences" : null, { first, second });
  return html`${!requested && html`<p><button type="button" onClick=${() => request(true)}>Find the posters on which runs ${first + 1} and ${second + 1} differ most</button></p>`}
    ${loading && html`<${Busy}>Searching both indexes…</${Busy}>`}<${Failure} message=${error} />
    ${data && html`<h3>They differ most on</h3><p class="note">Of ${count(data.queries)} posters, the runs share ${(data.mean_shared * 100).toFixed(0)}% of their ten nearest on average.</p>
      <${Grid} small label="Posters on which the runs differ most">${data.posters.map((poster) => html`<${Poster} key=${poster.row} run=${first} poster=${poster} link=${changed({ row: poster.row })}
        note=${html`<div class="facts">${poster.shared} of 10 shared</div>`} />`)}</${Grid}>`}`;
}

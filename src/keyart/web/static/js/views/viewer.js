// What a user would be offered, and because of which film.

import { html, useState, useEffect } from "../../vendor/preact-htm.js";
import { changed, go, href } from "../state.js";
import { csv, download, get, image, useGet } from "../api.js";
import { Busy, Failure, Genres, Grid, Poster, TitleBox, count, percent, titleOf } from "../parts.js";

export function Viewer({ state, run, about }) {
  const user = state.one("user");
  const liked = state.rows("liked");
  return html`
    <div class="wallhead"><h1 class="small">What a viewer would be offered</h1></div>
    <div class="askrow"><${TitleBox} id="like" run=${run} label="A film that the viewer likes" placeholder="Add a film that the viewer likes"
      onChoose=${(poster) => go(changed({ liked: [...new Set([...liked, poster.row])].join("."), user: null }))} />
      ${about.users && html`<${UserBox} run=${run} user=${user} />`}</div>
    ${!user && !liked.length && html`<p class="lead">Name one or more films that somebody likes${about.users ? ", or one user of the history" : ""}: the posters that suit that taste follow, each with the film that brought it.
      ${!about.users && html`<span class="muted"> Start keyart serve with --history to look at real users.</span>`}</p>`}
    ${user && html`<${Offers} key=${`user ${user}`} run=${run} params=${{ user, k: 60 }} />`}
    ${!user && liked.length > 0 && html`<${Liked} run=${run} liked=${liked} />`}`;
}

function UserBox({ run, user }) {
  const [text, setText] = useState(user ?? "");
  const { data } = useGet(`runs/${run}/users`, { text });
  return html`<form class="userbox" onSubmit=${(event) => { event.preventDefault(); if (text.trim()) go(href("viewer", { user: text.trim() })); }}>
    <label>or a user of the history <input list="users" value=${text} onInput=${(event) => setText(event.target.value)} placeholder="1" autocomplete="off"
      onChange=${(event) => data?.names.includes(event.target.value) && go(href("viewer", { user: event.target.value }))} /></label>
    <datalist id="users">${data?.names.map((name) => html`<option value=${name} />`)}</datalist><button type="submit">Show</button>
    ${data && html`<small class="muted">${count(data.users)} users</small>`}</form>`;
}

function Liked({ run, liked }) {
  const { data: posters, error } = useGet(`runs/${run}/posters`, { rows: liked.join(",") });
  if (error) return html`<${Failure} message=${error} />`;
  if (!posters) return html`<${Busy} />`;
  return html`<section><h2>Liked</h2><${Grid} small label="Liked films">${posters.map((poster) => html`<${Poster} key=${poster.row} run=${run} poster=${poster}
      note=${html`<div class="links"><a href=${changed({ liked: liked.filter((row) => row !== poster.row).join(".") || null })} data-keep>Remove</a></div>`} />`)}</${Grid}></section>
    <${Offers} run=${run} params=${{ liked: posters.map((poster) => poster.id).join(","), k: 60 }} />`;
}

let before = null; // the ranks of the list that was shown last

function Offers({ run, params }) {
  const { data, error, loading } = useGet(`runs/${run}/recommend`, params);
  const [moves, setMoves] = useState(null);
  useEffect(() => {
    if (!data) return;
    setMoves(before);
    before = new Map(data.candidates.map((one, at) => [one.row, at]));
  }, [data]);
  const moved = (row, at) => {
    if (!moves) return null;
    if (!moves.has(row)) return html`<span class="moved new">new</span>`;
    const by = moves.get(row) - at;
    return by ? html`<span class=${`moved ${by > 0 ? "up" : "down"}`}>${by > 0 ? "▲" : "▼"} ${Math.abs(by)}</span>` : null;
  };
  const save = () => download("candidates.csv", csv(["rank", "id", "title", "year", "genres", "score", "because", "similarity", "interest"],
    data.candidates.map((one, at) => [at + 1, one.id, one.title, one.year, one.genres.join("|"), one.score, one.because.id, one.because.similarity, one.interest])), "text/csv");
  return html`<${Failure} message=${error} />${loading && html`<${Busy}>Finding films for this taste…</${Busy}>`}
    ${data && html`
    ${data.user && html`<section><h2>Watched</h2><p class="note">User ${data.user} has watched ${count(data.known_films)} films of this catalogue${data.unknown_films ? `, and ${count(data.unknown_films)} that it does not hold` : ""}; the most liked come first.</p>
      <div class="strip">${data.watched.slice(0, 60).map((poster) => html`<a href=${href("poster", { row: poster.row })} title=${titleOf(poster)}><img src=${image(run, poster.row)} alt=${titleOf(poster)} width="72" height="108" loading="lazy" /></a>`)}</div></section>`}
    ${data.interests.length > 1 && html`<section><h2>Interests</h2><ul class="interests">${data.interests.map((one) => html`<li><a href=${href("poster", { row: one.medoid.row })}>
      <img src=${image(run, one.medoid.row)} alt=${titleOf(one.medoid)} width="64" height="96" loading="lazy" /></a><div><b>${Math.round(one.weight * 100)}%</b><br />${count(one.films)} ${one.films === 1 ? "film" : "films"} around<br /><i>${titleOf(one.medoid)}</i></div></li>`)}</ul></section>`}
    <section><h2>Candidates</h2><div class="options"><p class="note">Each names the watched film that contributes most.${moves ? " Arrows: its rank against the list before." : ""}</p><button type="button" onClick=${save}>Save as CSV</button></div>
      <${Grid} label="Candidates, the best first">${data.candidates.map((one, at) => html`<${Poster} key=${one.row} run=${run} poster=${one}
        note=${html`<div class="because">${moved(one.row, at)}<a href=${href("poster", { row: one.because.row, with: one.row })} title=${`cosine ${one.because.similarity.toFixed(2)}, closer than ${percent(one.because.closer_than)} of random pairs`}>
          <img src=${image(run, one.because.row)} alt="" width="24" height="36" loading="lazy" /><span>because of ${titleOf(one.because)}</span></a></div>`} />`)}</${Grid}></section>`}`;
}

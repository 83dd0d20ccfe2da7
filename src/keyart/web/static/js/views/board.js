// Posters that were collected while looking: they are in the address, and go out as a picture or a table.

import { html, useState } from "../../vendor/preact-htm.js";
import { changed, go } from "../state.js";
import { csv, download, image, useGet } from "../api.js";
import { Busy, Failure, Grid, Poster, count, titleOf } from "../parts.js";

export function Board({ state, run }) {
  const rows = state.rows("board");
  const { data, error, loading } = useGet(rows.length ? `runs/${run}/posters` : null, { rows: rows.join(",") });
  const [notice, setNotice] = useState("");
  const put = (next) => go(changed({ board: next.join(".") || null }), { replace: true });
  const move = (at, by) => {
    const next = [...rows];
    [next[at], next[at + by]] = [next[at + by], next[at]];
    put(next);
  };
  if (!rows.length) return html`<h1 class="small">The board</h1><p class="lead">Nothing is on the board yet. The + on any poster puts it here; the board stays in the address, so that a link to it can be kept and sent.</p>`;
  return html`<div class="wallhead"><h1 class="small">The board</h1><p class="muted">${count(rows.length)} ${rows.length === 1 ? "poster" : "posters"}</p>
      <p class="actions"><button type="button" disabled=${!data} onClick=${() => sheet(run, data).then(() => setNotice(""), (fault) => setNotice(fault.message))}>Save as PNG</button>
      <button type="button" disabled=${!data} onClick=${() => download("board.csv", csv(["id", "title", "year", "genres", "img"], data.map((one) => [one.id, one.title, one.year, one.genres.join("|"), one.img])), "text/csv")}>Save as CSV</button>
      <button type="button" onClick=${() => navigator.clipboard.writeText(location.href).then(() => setNotice("The link is copied."), () => setNotice("The browser does not permit copying; copy the address yourself."))}>Copy the link</button>
      <button type="button" onClick=${() => put([])}>Clear</button></p></div>
    <p role="status">${notice}</p><${Failure} message=${error} />${loading && html`<${Busy} />`}
    ${data && html`<${Grid} label="The board">${data.map((poster, at) => html`<${Poster} key=${poster.row} run=${run} poster=${poster}
      note=${html`<div class="links"><button type="button" class="plain" disabled=${!at} aria-label=${`Move ${titleOf(poster)} forward`} onClick=${() => move(at, -1)}>←</button>
        <button type="button" class="plain" disabled=${at === rows.length - 1} aria-label=${`Move ${titleOf(poster)} back`} onClick=${() => move(at, 1)}>→</button></div>`} />`)}</${Grid}>`}`;
}

/** Draw a contact sheet and save it. */
async function sheet(run, posters) {
  const columns = Math.min(6, posters.length);
  const [width, height, gap, caption] = [240, 360, 24, 64];
  const lines = Math.ceil(posters.length / columns);
  const canvas = document.createElement("canvas");
  canvas.width = gap + columns * (width + gap);
  canvas.height = gap + lines * (height + caption + gap);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#faf8f4";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  await document.fonts.load("500 20px Oswald");
  for (const [at, poster] of posters.entries()) {
    const picture = new Image();
    picture.src = image(run, poster.row, 480);
    await picture.decode();
    const [x, y] = [gap + (at % columns) * (width + gap), gap + Math.floor(at / columns) * (height + caption + gap)];
    const scale = Math.min(width / picture.naturalWidth, height / picture.naturalHeight);
    const [wide, high] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
    pen.drawImage(picture, x + (width - wide) / 2, y + height - high, wide, high);
    pen.fillStyle = "#1c1a18";
    pen.font = "500 19px Oswald, sans-serif";
    pen.fillText(cut(pen, titleOf(poster), width), x, y + height + 26);
    pen.fillStyle = "#6b665f";
    pen.font = "15px system-ui, sans-serif";
    pen.fillText(cut(pen, [poster.year, ...poster.genres].filter(Boolean).join(", "), width), x, y + height + 48);
  }
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("The browser could not make the picture; take some posters off the board.");
  download("board.png", blob);
}

function cut(pen, text, width) {
  let shown = text;
  while (pen.measureText(shown).width > width && shown.length > 2) shown = `${shown.slice(0, -2).trimEnd()}…`;
  return shown;
}

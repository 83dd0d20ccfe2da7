// Pieces that several views share.

import { html, useState, useEffect, useRef } from "../vendor/preact-htm.js";
import { changed, current, go, href } from "./state.js";
import { get, image } from "./api.js";

export const count = (number) => number.toLocaleString("en");

/** A title in reading order: an article behind a comma moves to the front. */
export function titleOf(poster) {
  const title = poster.title || "";
  const match = /^(.+),\s+(the|a|an|le|la|les|il|el|los|las|das|der|der|lo|l['’])(\s*\(.*\))?$/i.exec(title);
  return (match ? `${match[2]}${/['’]$/.test(match[2]) ? "" : " "}${match[1]}${match[3] ?? ""}` : title) || poster.id;
}

export const describe = (poster) => [titleOf(poster), poster.year, ...(poster.genres ?? [])].filter(Boolean).join(", ");

/** How unusual a similarity is, as the reports say it. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  const tenths = Math.floor(Math.min(share, 0.999) * 1000 + 1e-6);
  return tenths >= 990 ? `${(tenths / 10).toFixed(1)}%` : `${Math.floor(tenths / 10)}%`;
}

export const signed = (value, digits = 2) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);

export function Genres({ genres, shared }) {
  if (!genres?.length) return null;
  const sorted = shared ? [...genres].sort((a, b) => shared.includes(b) - shared.includes(a)) : genres;
  return html`<span class="genres">${sorted.map((name, at) => html`${at ? ", " : ""}${shared?.includes(name)
    ? html`<em title="a genre of both">${name}</em>` : html`<span>${name}</span>`}`)}</span>`;
}

/** Posters far from the usual shape are shown whole, with the pin in their own corner. */
function onLoad(event) {
  const shape = event.target.naturalWidth / event.target.naturalHeight;
  if (shape <= 0.82 && shape >= 0.55) return;
  event.target.classList.add("whole");
  const pin = event.target.closest(".poster")?.querySelector(".pin");
  if (!pin) return;
  // Both are shares of the frame's width; the frame is 2:3, and the picture stands on its lower edge.
  pin.style.marginTop = `${Math.max(0, 150 - 100 / shape)}%`;
  pin.style.marginRight = `${Math.max(0, 50 - 75 * shape)}%`;
}

export function Picture({ run, poster, width = 160, eager = false }) {
  const large = width > 160 ? undefined : `${image(run, poster.row, 160)} 160w, ${image(run, poster.row, 480)} 480w`;
  return html`<img src=${image(run, poster.row, width)} srcset=${large} sizes=${large && "(max-width: 640px) 44vw, 200px"}
    alt=${describe(poster)} loading=${eager ? "eager" : "lazy"} decoding="async" width="160" height="240" onLoad=${onLoad} />`;
}

/** One poster with its score and facts. */
export function Poster({ run, poster, query, link, score, share, note, mark, eager, onPick }) {
  const shared = query?.genres;
  const to = link ?? href("poster", { row: poster.row, run });
  return html`<figure class=${`poster ${mark ?? ""}`}>
    <a class="frame" href=${to} onClick=${onPick} data-keep=${link ? "" : undefined}>
      <${Picture} run=${run} poster=${poster} eager=${eager} /></a>
    <${Pin} row=${poster.row} name=${titleOf(poster)} />
    <figcaption>
      ${score !== undefined && html`<div class="measure" title=${share === undefined || share === null ? undefined : `closer than ${percent(share)} of random pairs`}>
        <i><span style=${{ width: `${Math.max(0, Math.min(1, score)) * 100}%` }}></span></i>${signed(score)}</div>`}
      <b>${titleOf(poster)}</b>
      <div class="facts">${poster.year ?? ""} <${Genres} genres=${poster.genres} shared=${shared} /></div>
      ${note}
    </figcaption></figure>`;
}

export function Grid({ children, label, small }) {
  return html`<ul class=${small ? "grid small" : "grid"} aria-label=${label}>${[children].flat().map((one) => html`<li>${one}</li>`)}</ul>`;
}

/** Put a poster on the board, or take it off. */
export function Pin({ row, name }) {
  const board = current().rows("board");
  const on = board.includes(row);
  const next = on ? board.filter((other) => other !== row) : [...board, row];
  return html`<button class="pin" type="button" aria-pressed=${String(on)} title=${on ? "Take off the board" : "Put on the board"}
    aria-label=${`${on ? "Take off" : "Put on"} the board: ${name}`}
    onClick=${() => go(changed({ board: next.join(".") || null }), { replace: true })}>${on ? "✓" : "+"}</button>`;
}

export function Failure({ message }) {
  return message ? html`<p class="failure" role="alert">${message}</p>` : null;
}

export function Busy({ children }) {
  return html`<p class="busy" role="status"><span class="spinner" aria-hidden="true"></span>${children ?? "One moment…"}</p>`;
}

const once = (what, progress) => `${what}, once for this catalogue${progress?.done ? `: ${count(progress.done)} of ${count(progress.total)}` : ""}…`;

/** How far the map is, along which posters are arranged by their look too. */
export function Arranging({ progress }) {
  return html`<${Busy}>${once("Arranging posters by their look", progress)}</${Busy}>`;
}

/** How far the table is in which titles are looked up. */
export const readingTitles = (progress) => once("Reading the titles", progress);

/** Genres and years to search within; each with the number of posters that it would leave. */
export function Filters({ facets, genres, years, hidden }) {
  const [open, setOpen] = useState(genres.length > 0 || Boolean(years));
  const [from, to] = /^(\d{4})?-?(\d{4})?$/.exec(years ?? "")?.slice(1) ?? [];
  const decades = facets?.decades ?? [];
  const most = Math.max(1, ...decades.map((one) => one.posters));
  return html`<details class="filters" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>Filters${genres.length || years ? html`: <b>${[...genres, years].filter(Boolean).join(", ")}</b>` : ""}
      ${hidden > 0 && html`<span class="muted"> · ${count(hidden)} posters hidden</span>`}</summary>
    ${open && facets && html`
    <div class="chips" role="group" aria-label="Genres">${facets.genres.map(({ name, posters }) => {
      const on = genres.includes(name);
      return html`<a class="chip" role="button" aria-pressed=${String(on)} aria-disabled=${String(!on && !posters)} data-replace
        href=${changed({ genre: on ? genres.filter((other) => other !== name) : [...genres, name] })}>${name} <small>${count(posters)}</small></a>`;
    })}</div>
    ${decades.length > 0 && html`<div class="decades" role="group" aria-label="Decades">${decades.map(({ decade, posters }) => {
      const on = from && Number(from) <= decade && Number(to ?? 9999) >= decade + 9;
      return html`<a role="button" aria-pressed=${String(Boolean(on))} data-replace title=${`${count(posters)} posters`}
        href=${changed({ year: on && Number(from) === decade && Number(to) === decade + 9 ? null : `${decade}-${decade + 9}` })}>
        <i style=${{ height: `${Math.max(3, (posters / most) * 44)}px` }}></i><span>${decade}s</span><small>${count(posters)}</small></a>`;
    })}</div>`}
    ${(genres.length > 0 || years) && html`<p><a href=${changed({ genre: null, year: null })} data-replace>Remove all filters</a></p>`}`}
  </details>`;
}

/** A box for ids and titles with suggestions; `onChoose` gets a poster. */
export function TitleBox({ run, label, placeholder, onChoose, large, id, empty }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const [progress, setProgress] = useState(null);
  const [active, setActive] = useState(0);
  const asked = useRef("");
  const box = useRef(null);
  useEffect(() => {
    const typed = text.trim();
    asked.current = typed;
    setProgress(null);
    if (!typed) {
      setFound(null);
      return undefined;
    }
    const control = new AbortController();
    const show = (posters) => asked.current === typed && (setFound(posters), setProgress(null), setActive(0));
    const report = (progress) => asked.current === typed && setProgress(progress);
    const timer = setTimeout(() => get(`runs/${run}/titles`, { text: typed }, { signal: control.signal, report }).then(
      show, (error) => error.name !== "AbortError" && show([]),
    ), 90);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [text, run]);
  const choose = (poster) => {
    setText("");
    setFound(null);
    if (box.current) box.current.blur();
    onChoose(poster);
  };
  const onKey = async (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (found?.length) setActive((active + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length);
    } else if (event.key === "Escape") {
      setText("");
      box.current.blur();
    } else if (event.key === "Enter" && text.trim()) {
      event.preventDefault();
      // What was typed may be ahead of the suggestions.
      const posters = await get(`runs/${run}/titles`, { text: text.trim() }).catch(() => []);
      const chosen = posters === found || posters.length < 2 ? posters[active] ?? posters[0] : posters[0];
      if (chosen) choose(chosen);
      else setFound([]);
    }
  };
  const list = `${id}-list`;
  const note = progress ? readingTitles(progress) : found?.length === 0 ? empty ?? "No title or id is like this one. Try fewer words." : null;
  return html`<div class=${`titlebox ${large ? "large" : ""}`}>
    <input ref=${box} id=${id} type="search" role="combobox" aria-label=${label} aria-expanded=${String(Boolean(found || progress))} aria-controls=${list}
      aria-autocomplete="list" aria-activedescendant=${found?.length ? `${list}-${active}` : undefined} placeholder=${placeholder}
      autocomplete="off" spellcheck="false" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${onKey}
      onBlur=${() => setTimeout(() => (asked.current = "", setFound(null), setProgress(null)), 150)} />
    <ul id=${list} role="listbox" aria-label="Suggestions" hidden=${!found && !progress}>
      ${found?.map((poster, at) => html`<li id=${`${list}-${at}`} role="option" aria-selected=${String(at === active)}
        onMouseDown=${(event) => { event.preventDefault(); choose(poster); }}>
        <img src=${image(run, poster.row)} alt="" width="32" height="48" loading="lazy" />
        <span><b>${titleOf(poster)}</b> ${poster.year ?? ""}<small>${poster.id}</small></span></li>`)}
      ${note && html`<li class="none">${note}</li>`}
    </ul></div>`;
}

/** Load torch in the background and follow it. */
export function useModel(active) {
  const [state, setState] = useState(null);
  useEffect(() => {
    if (!active) return undefined;
    let stopped = false;
    const follow = async () => {
      const model = await fetch("/api/model", { method: "POST" }).then((answer) => answer.json(), () => null);
      if (stopped) return;
      setState(model);
      if (model?.state === "loading") setTimeout(follow, 700);
    };
    follow();
    return () => { stopped = true; };
  }, [active]);
  return state;
}

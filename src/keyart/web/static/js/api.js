// Requests to the server. Answers are kept, so that Back shows at once what was there.

import { useState, useEffect, useRef } from "../vendor/preact-htm.js";

const KEPT = 60;
const answers = new Map();

export function address(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params))
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "" && one !== false) query.append(name, one);
  const text = query.toString();
  return `/api/${path}${text ? `?${text}` : ""}`;
}

/** Ask until the answer is ready; `report` gets the numbers of steps that are done and of all meanwhile. */
async function ask(url, { report, ...options } = {}) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Start keyart serve again and open the address that it prints.");
  }
  if (response.status === 202 && !options.method) {
    report?.(await response.json());
    await new Promise((resolve) => setTimeout(resolve, 500));
    return ask(url, { report, ...options });
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error ?? `${response.status} ${response.statusText}`);
}

/** Return an answer's JSON; the latest ones are kept. */
export async function get(path, params, options) {
  const url = address(path, params);
  if (answers.has(url)) return answers.get(url);
  const answer = await (await ask(url, options)).json();
  answers.set(url, answer);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
  return answer;
}

/** Return an answer's bytes; those of `numbers` begin with a line of JSON. */
export async function binary(path, params, report) {
  return (await ask(address(path, params), { report })).arrayBuffer();
}

/** Return an answer's line of JSON, and the place of the numbers behind it. */
export async function numbers(path, params, report) {
  const buffer = await binary(path, params, report);
  const end = new Uint8Array(buffer).indexOf(10);
  return { head: JSON.parse(new TextDecoder().decode(buffer.slice(0, end))), buffer, start: end + 1 };
}

export async function post(path, body) {
  return (await ask(address(path), { method: "POST", body })).json();
}

/** Follow an answer: {data, error, loading, progress}. A path of null asks for nothing. */
export function useGet(path, params) {
  const url = path === null ? null : address(path, params);
  const [state, set] = useState({ url, data: url && answers.get(url) });
  const latest = useRef(url);
  latest.current = url;
  useEffect(() => {
    if (url === null) return undefined;
    if (answers.has(url)) {
      set({ url, data: answers.get(url) });
      return undefined;
    }
    const control = new AbortController();
    const report = (progress) => latest.current === url && set({ url, progress });
    get(path, params, { signal: control.signal, report }).then(
      (data) => latest.current === url && set({ url, data }),
      (error) => error.name !== "AbortError" && latest.current === url && set({ url, error: error.message }),
    );
    return () => control.abort();
  }, [url]);
  if (state.url === url) return { ...state, loading: url !== null && !state.data && !state.error };
  return { data: url === null ? undefined : answers.get(url), loading: url !== null && !answers.has(url) };
}

export const image = (run, row, width = 160) => `/api/runs/${run}/posters/${row}/image?width=${width}`;

/** The address of a picture that somebody chose. */
export const uploaded = (handle) => `/api/images/${handle}`;

/** Give a text to the person as a file. */
export function download(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A table as CSV; text that a spreadsheet would run as a formula gets a leading apostrophe. */
export function csv(head, lines) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...lines].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

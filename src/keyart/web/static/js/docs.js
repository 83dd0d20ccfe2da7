// The API's documentation, drawn from its OpenAPI description.

import { html, render, useState } from "../vendor/preact-htm.js";

const spec = await (await fetch("/api/openapi.json")).json();

function Route({ path, method, route }) {
  const [answer, setAnswer] = useState(null);
  const parameters = route.parameters ?? [];
  const example = (one) => one.schema?.examples?.[0] ?? one.examples?.[0] ?? one.schema?.default;
  const send = async (event) => {
    event.preventDefault();
    const values = new FormData(event.target);
    let url = path;
    const query = new URLSearchParams();
    for (const one of parameters) {
      const value = values.get(one.name);
      if (one.in === "path") url = url.replace(`{${one.name}}`, encodeURIComponent(value));
      else if (value !== "" && value !== null) for (const part of one.schema?.type === "array" ? value.split(",") : [value]) query.append(one.name, part);
    }
    const address = url + (query.size ? `?${query}` : "");
    const response = await fetch(address, { method: method.toUpperCase() });
    const kind = response.headers.get("content-type") ?? "";
    const text = kind.includes("json") ? JSON.stringify(await response.json(), null, 2) : kind.startsWith("text") ? await response.text() : `${(await response.arrayBuffer()).byteLength} bytes of ${kind}`;
    setAnswer(`${method.toUpperCase()} ${address}\n${response.status}\n\n${text.length > 20000 ? `${text.slice(0, 20000)}…` : text}`);
  };
  return html`<details><summary><code><b>${method.toUpperCase()}</b> ${path}</code></summary><p>${route.description}</p>
    ${method === "post" && path.endsWith("images") ? html`<p class="note">The body is the image itself: curl --data-binary @poster.jpg</p>` : html`
    <form onSubmit=${send}>${parameters.map((one) => html`<label><code>${one.name}</code> <input name=${one.name} value=${example(one) ?? ""} required=${one.required} /> <small>${one.description ?? one.schema?.description ?? ""}</small></label>`)}
      <button type="submit">Send</button></form>`}${answer && html`<pre tabindex="0">${answer}</pre>`}</details>`;
}

const groups = new Map();
for (const [path, methods] of Object.entries(spec.paths))
  for (const [method, route] of Object.entries(methods)) {
    const tag = route.tags?.[0] ?? "other";
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push({ path, method, route });
  }

render(html`<p class="overline">version ${spec.info.version}</p><h1>The API</h1>
  <p class="lead">${spec.info.description.replaceAll("`", "")}</p>
  <p>Services send the token as <code>Authorization: Bearer</code>. The description for machines is <a href="/api/openapi.json">openapi.json</a>.</p>
  ${[...groups].map(([tag, routes]) => html`<section><h2>${tag}</h2>${routes.map((one) => html`<${Route} ...${one} />`)}</section>`)}`, document.getElementById("docs"));

// The map's points: their data, drawing by WebGL2 or a canvas, and finding what is under the pointer.

import { binary, numbers } from "./api.js";

const kept = new Map();

function keep(key, load) {
  if (!kept.has(key)) kept.set(key, load());
  kept.get(key).catch(() => kept.delete(key));
  return kept.get(key);
}

/** Places of all posters: a Uint16Array of x, y. */
export const loadMap = (run, report) => keep(run, () => binary(`runs/${run}/map`, {}, report).then((buffer) => new Uint16Array(buffer)));

/** What posters are coloured by: names, the number of posters of each, and each poster's code. */
export const loadColours = (run, by) => keep(`${run} ${by}`, () => numbers(`runs/${run}/colours`, { by }).then(({ head, buffer, start }) => ({ ...head, codes: new Uint8Array(buffer, start) })));

/** The box around all places, in units of the whole map. */
export function boundsOf(places) {
  const box = { left: 1, top: 1, right: 0, bottom: 0 };
  for (let at = 0; at < places.length; at += 2) {
    const [u, v] = [places[at] / 65535, places[at + 1] / 65535];
    box.left = Math.min(box.left, u);
    box.right = Math.max(box.right, u);
    box.top = Math.min(box.top, v);
    box.bottom = Math.max(box.bottom, v);
  }
  // A few posters, or one, still need some room.
  for (const [low, high] of [["left", "right"], ["top", "bottom"]]) if (box[high] - box[low] < 0.02) [box[low], box[high]] = [box[low] - 0.01, box[high] + 0.01];
  return box;
}

/** A test whether a row lies in a lasso, given as text: x.y.x.y… in thousandths of the map. */
export function withinLasso(places, lasso) {
  const corners = lasso.split(".").map(Number);
  return (row) => {
    const x = (places[2 * row] / 65535) * 1000;
    const y = (places[2 * row + 1] / 65535) * 1000;
    let inside = false;
    for (let at = 0, before = corners.length - 2; at < corners.length - 1; before = at, at += 2) {
      const [x1, y1, x2, y2] = [corners[at], corners[at + 1], corners[before], corners[before + 1]];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    }
    return inside;
  };
}

const VERTEX = `#version 300 es
in vec2 place; in float code;
uniform vec2 scale; uniform vec2 shift; uniform float size; uniform vec3 colours[32]; uniform float only;
out vec3 colour; out float hidden;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  colour = colours[int(min(code, 31.0))];
  hidden = only >= 0.0 && abs(only - code) > 0.5 ? 1.0 : 0.0;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 colour; in float hidden; out vec4 shown;
void main() {
  float away = length(gl_PointCoord - 0.5);
  if (away > 0.5) discard;
  float solid = hidden > 0.5 ? 0.06 : 0.82;
  float edge = smoothstep(0.5, 0.36, away) * solid;
  shown = vec4(colour * edge, edge);
}`;

/** A painter of points: draw({scale, shift, size, colours, only}) in clip space. */
export function painter(canvas, places, codes) {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
  if (!gl) return plainPainter(canvas, places, codes);
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`The map cannot be drawn: ${gl.getProgramInfoLog(program)}`);
  gl.useProgram(program);
  const feed = (name, data, width, kind, normalised) => {
    const place = gl.getAttribLocation(program, name);
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, width, kind, normalised, 0, 0);
    return buffer;
  };
  feed("place", places, 2, gl.UNSIGNED_SHORT, true);
  let own = feed("code", codes, 1, gl.UNSIGNED_BYTE, false);
  const at = Object.fromEntries(["scale", "shift", "size", "colours", "only"].map((name) => [name, gl.getUniformLocation(program, name)]));
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  return {
    recolour(next) {
      gl.deleteBuffer(own);
      own = feed("code", next, 1, gl.UNSIGNED_BYTE, false);
    },
    draw({ scale, shift, size, colours, only }) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2fv(at.scale, scale);
      gl.uniform2fv(at.shift, shift);
      gl.uniform1f(at.size, size);
      gl.uniform1f(at.only, only ?? -1);
      gl.uniform3fv(at.colours, colours.flat().map((value) => value / 255));
      gl.drawArrays(gl.POINTS, 0, places.length / 2);
    },
  };
}

function plainPainter(canvas, places, codes) {
  const pen = canvas.getContext("2d");
  let own = codes;
  return {
    recolour(next) { own = next; },
    draw({ scale, shift, size, colours, only }) {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (let row = 0; row < places.length / 2; row += 1) {
        const x = ((places[2 * row] / 65535) * scale[0] + shift[0] + 1) * 0.5 * canvas.width;
        const y = (1 - ((places[2 * row + 1] / 65535) * scale[1] + shift[1])) * 0.5 * canvas.height;
        if (x < -size || y < -size || x > canvas.width + size || y > canvas.height + size) continue;
        pen.globalAlpha = only !== null && only !== undefined && own[row] !== only ? 0.06 : 0.82;
        pen.fillStyle = `rgb(${colours[Math.min(own[row], colours.length - 1)].join(" ")})`;
        pen.beginPath();
        pen.arc(x, y, size / 2, 0, 7);
        pen.fill();
      }
      pen.globalAlpha = 1;
    },
  };
}

/** Rows by the cells of a grid, to find those at a place without looking at all. */
export function gridOf(places) {
  const side = Math.max(8, Math.min(512, Math.round(Math.sqrt(places.length / 8))));
  const total = places.length / 2;
  const cellOf = (row) => Math.min(side - 1, Math.floor((places[2 * row] / 65536) * side)) + side * Math.min(side - 1, Math.floor((places[2 * row + 1] / 65536) * side));
  const starts = new Uint32Array(side * side + 1);
  for (let row = 0; row < total; row += 1) starts[cellOf(row) + 1] += 1;
  for (let cell = 0; cell < side * side; cell += 1) starts[cell + 1] += starts[cell];
  const filled = starts.slice(0, -1);
  const rows = new Uint32Array(total);
  for (let row = 0; row < total; row += 1) rows[filled[cellOf(row)]++] = row;
  /** Rows within a box, in units of the whole map; at most `most`. */
  const inBox = (left, top, right, bottom, most = Infinity) => {
    const clip = (value) => Math.max(0, Math.min(side - 1, Math.floor(value * side)));
    const found = [];
    for (let y = clip(top); y <= clip(bottom); y += 1)
      for (let x = clip(left); x <= clip(right); x += 1)
        for (let at = starts[x + side * y]; at < starts[x + side * y + 1]; at += 1) {
          const row = rows[at];
          const [u, v] = [places[2 * row] / 65535, places[2 * row + 1] / 65535];
          if (u < left || u > right || v < top || v > bottom) continue;
          if (found.length >= most) return null;
          found.push(row);
        }
    return found;
  };
  const nearest = (u, v, reach) => {
    let best = null;
    let least = reach * reach;
    for (const row of inBox(u - reach, v - reach, u + reach, v + reach)) {
      const away = (places[2 * row] / 65535 - u) ** 2 + (places[2 * row + 1] / 65535 - v) ** 2;
      if (away < least) [best, least] = [row, away];
    }
    return best;
  };
  return { inBox, nearest };
}

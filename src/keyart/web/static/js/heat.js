// Heat maps over posters: the same colours and scale as the picture that keyart explain draws.

const ADDS = ["#5c0f0a", "#c8301f", "#ff8a3d", "#ffe7a3"];
const TAKES = ["#0b2f3a", "#1f7a8c", "#62c3d6", "#d5f4fa"];
const MOST_STRETCH = 1.25; // keyart.images.decode: beyond it, edges are cropped
const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

function ramp(stops) {
  const colours = stops.map(rgb);
  return Array.from({ length: 256 }, (_, step) => {
    const place = (step / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    return colours[low].map((value, channel) => value + (colours[low + 1][channel] - value) * (place - low));
  });
}
const WARM = ramp(ADDS);
const COOL = ramp(TAKES);

/** Blur by one cell, for the eye; mirrored edges keep the sum. */
export function smoothed(cells) {
  const reach = 4;
  const weights = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-0.5 * (at - reach) ** 2));
  const sum = weights.reduce((a, b) => a + b);
  const mirror = (at, size) => {
    const around = ((at % (2 * size)) + 2 * size) % (2 * size);
    return around < size ? around : 2 * size - 1 - around;
  };
  const along = (line) => line.map((_, at) => weights.reduce((total, weight, near) => total + weight * line[mirror(at + near - reach, line.length)], 0) / sum);
  const flip = (table) => table[0].map((_, column) => table.map((line) => line[column]));
  return flip(flip(cells.map(along)).map(along));
}

/** The size of an attribution with full colour, for both posters. */
export function fullScale(tables) {
  const sizes = tables.flatMap((table) => smoothed(table).flat().map(Math.abs)).sort((a, b) => a - b);
  const place = 0.995 * (sizes.length - 1);
  const low = Math.floor(place);
  const value = sizes[low] + ((sizes[low + 1] ?? sizes[low]) - sizes[low]) * (place - low);
  return Math.max(value, 0.5 / tables[0].flat().length);
}

/** The fewest cells with half of all that is positive. */
function strongest(table) {
  const flat = table.flat();
  const order = flat.map((_, at) => at).sort((a, b) => flat[b] - flat[a]);
  const total = flat.reduce((sum, value) => sum + Math.max(0, value), 0);
  const chosen = new Uint8Array(flat.length);
  let sum = 0;
  for (const at of order) {
    if (sum >= total / 2 || flat[at] <= 0) break;
    chosen[at] = 1;
    sum += flat[at];
  }
  return chosen;
}

/** Draw a poster in grey with the colours of its cells. */
export function drawHeat(canvas, picture, cells, scale, size) {
  const [height, width] = size;
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  // The same crop as the network's input.
  const stretch = picture.naturalWidth / picture.naturalHeight / (width / height);
  const keptWidth = picture.naturalWidth * Math.min(1, MOST_STRETCH / stretch);
  const keptHeight = picture.naturalHeight * Math.min(1, MOST_STRETCH * stretch);
  const place = [(picture.naturalWidth - keptWidth) / 2, (picture.naturalHeight - keptHeight) / 2, keptWidth, keptHeight];
  pen.drawImage(picture, ...place, 0, 0, width, height);
  const table = smoothed(cells);
  const rows = table.length;
  const columns = table[0].length;
  const inner = strongest(table);
  const at = (row, column) => table[Math.max(0, Math.min(rows - 1, row))][Math.max(0, Math.min(columns - 1, column))];
  const held = (row, column) => inner[Math.max(0, Math.min(rows - 1, row)) * columns + Math.max(0, Math.min(columns - 1, column))];
  const image = pen.getImageData(0, 0, width, height);
  const mask = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const v = ((y + 0.5) / height) * rows - 0.5;
    const top = Math.floor(v);
    const down = v - top;
    for (let x = 0; x < width; x += 1) {
      const u = ((x + 0.5) / width) * columns - 0.5;
      const left = Math.floor(u);
      const right = u - left;
      const mix = (of) => (of(top, left) * (1 - right) + of(top, left + 1) * right) * (1 - down) + (of(top + 1, left) * (1 - right) + of(top + 1, left + 1) * right) * down;
      const heat = Math.max(-1, Math.min(1, mix(at) / scale));
      mask[y * width + x] = mix(held) > 0.5 ? 1 : 0;
      const to = 4 * (y * width + x);
      const grey = (0.299 * image.data[to] + 0.587 * image.data[to + 1] + 0.114 * image.data[to + 2]) * 0.5 + 14;
      const strength = Math.abs(heat);
      const colour = (heat > 0 ? WARM : COOL)[Math.round(strength * 255)];
      const opaque = 0.92 * strength ** 1.3;
      for (let channel = 0; channel < 3; channel += 1)
        image.data[to + channel] = grey * (1 - opaque) + colour[channel] * (0.6 + (0.4 * grey) / 141) * opaque;
    }
  }
  for (let y = 1; y < height - 1; y += 1)
    for (let x = 1; x < width - 1; x += 1) {
      const here = y * width + x;
      if (!mask[here] && (mask[here - 1] || mask[here + 1] || mask[here - width] || mask[here + width]))
        image.data.set([255, 255, 255], 4 * here);
    }
  pen.putImageData(image, 0, 0);
}

/** Draw the colour scale on medium grey. */
export function drawScale(canvas) {
  const { width, height } = canvas;
  const pen = canvas.getContext("2d");
  const grey = 128 * 0.5 + 14;
  for (let x = 0; x < width; x += 1) {
    const heat = (x / (width - 1)) * 2 - 1;
    const strength = Math.abs(heat);
    const opaque = 0.92 * strength ** 1.3;
    const colour = (heat > 0 ? WARM : COOL)[Math.round(strength * 255)].map((value) => grey * (1 - opaque) + value * (0.6 + (0.4 * grey) / 141) * opaque);
    pen.fillStyle = `rgb(${colour.map(Math.round).join(" ")})`;
    pen.fillRect(x, 0, 1, height);
  }
}

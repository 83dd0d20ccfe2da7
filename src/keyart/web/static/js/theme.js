// Runs before the first paint, so that the page does not flash in the other theme.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden: the system's theme is taken.
}

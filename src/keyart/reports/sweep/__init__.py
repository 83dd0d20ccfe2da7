"""The report files of a sweep: `sweep.png` and `sweep.html`."""

"""What a sweep leaves for people: `sweep.csv`, `sweep.png`, `sweep.html`."""

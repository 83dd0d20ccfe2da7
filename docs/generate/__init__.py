"""Reference pages that each build of the docs writes from the code: functions from nothing to Markdown, by page."""

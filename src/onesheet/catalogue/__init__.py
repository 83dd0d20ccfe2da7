"""What there is: tables of posters, their genres, relevance and splits."""

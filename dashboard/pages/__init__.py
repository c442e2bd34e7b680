"""One file per page: it holds `PAGE`, and nothing else has to be told of it."""

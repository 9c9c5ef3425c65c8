"""Work that outlives the page that started it: a request in a worker, a record in the workspace."""

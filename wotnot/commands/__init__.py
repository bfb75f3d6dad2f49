"""Commands of `flask --app wsgi …`, one a module; each has `register(app)`."""

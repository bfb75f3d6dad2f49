"""A workspace with something to look at, for the first minutes with WotNot. Only ever made on an empty database."""

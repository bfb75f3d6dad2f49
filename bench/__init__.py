"""Measurements: `python -m bench.send`, `.webhooks`, `.imports`, `.audience`, `.pages`, `.stream`.

Each starts its own stores and servers, runs the engine and a bare loop over the same work in the same run, and prints
their ratio: absolute numbers say little on a machine that others use too.
"""

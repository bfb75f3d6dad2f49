"""The product: one module a thing, plumbing beside it, leaves that know neither the models nor Flask."""

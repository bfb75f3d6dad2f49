"""Meta's Cloud API, seen from outside: pure payloads and errors, and the HTTP client. No models, no Flask."""

"""A local look-alike of the WhatsApp Cloud API, with the customer's phone in the browser.

It speaks real HTTP, validates what it is sent and calls back with signed webhooks, so that a client
of the Cloud API can be developed and measured without an account. See README.md.
"""

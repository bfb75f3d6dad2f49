"""WooCommerce: its REST API, what goes wrong with a shop in words, and what an order says. A leaf."""

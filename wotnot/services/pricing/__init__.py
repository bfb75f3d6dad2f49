"""What a message costs: Meta's rate cards, its markets, and money in whole millionths. A leaf.

Since July 2025 Meta charges for each delivered message by its category and the market of the recipient; what a receipt calls
`free_…` costs nothing. Rates are in dated files, so that a message has the price of its own day.
"""

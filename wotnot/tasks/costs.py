"""Jobs about money."""

from wotnot.services import billing, budget_checks


def check_budgets() -> dict[str, int]:
    """Tell who manages a workspace that a share of its budget is used, and pause what a used-up one has to stop."""
    return budget_checks.check_budgets()


def price_missing(workspace_id: int) -> dict[str, int]:
    """Price what had no card."""
    return {"priced": billing.price_missing(workspace_id)}

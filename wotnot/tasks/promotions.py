"""Jobs about promotions."""

from wotnot.services import promotion_runs


def make_promotion(promotion_id: int) -> dict[str, int]:
    """Make the broadcasts of a promotion whose time has come."""
    return promotion_runs.make_promotion(promotion_id)


def sweep_promotions() -> dict[str, int]:
    """Have those made that a lost plan left behind."""
    return promotion_runs.sweep_promotions()

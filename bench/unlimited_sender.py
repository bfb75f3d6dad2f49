"""A sender without a leaky bucket: what the machinery can do when nothing holds it back. For `bench.send` only."""

from collections.abc import Sequence

from wotnot import create_app
from wotnot.services.rate_limit import Grant, Wish
from wotnot.services.sender import Sender


class Unlimited:
    """Grants every wish, now."""

    def reserve(self, wishes: Sequence[Wish]) -> list[Grant]:
        """All of it, without a pause between."""
        return [Grant(wish.channel_id, wish.count, 0.0, 0.0, 0.0) for wish in wishes]

    def give_back(self, grant: Grant, count: int) -> None:
        """There is nothing to return to."""

    def slow_down(self, channel_id: int) -> float:
        """There is nothing to slow down."""
        del channel_id
        return 1.0


if __name__ == "__main__":
    app = create_app()
    with app.app_context():
        Sender(app, pace=Unlimited(), idle_seconds=600).run()

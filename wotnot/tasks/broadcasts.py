"""Jobs of broadcasts."""

from wotnot.services import broadcast_sweeps, broadcasts, expansion


def start_broadcast(broadcast_id: int) -> dict[str, object]:
    """Start a scheduled broadcast whose moment has come."""
    return {"broadcast_id": broadcast_id, "started": broadcasts.start_due_broadcast(broadcast_id)}


def expand_broadcast(broadcast_id: int) -> dict[str, object]:
    """Freeze the audience of a broadcast and let it send."""
    result = expansion.expand_broadcast(broadcast_id)
    return {"broadcast_id": broadcast_id, "finished": result.finished, "batches": result.batches}


def sweep_broadcasts() -> dict[str, int]:
    """Start, resume, finish and clean up what is due."""
    return broadcast_sweeps.sweep_broadcasts()

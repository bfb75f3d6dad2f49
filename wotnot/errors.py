"""What can go wrong in the domain, said once.

A service raises one of these; the edge turns it into a page or an RFC 9457 problem. Each carries a sentence that tells
a person what to do, and a short `code` that a program can branch on.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class DomainError(Exception):
    """Something the caller can understand and act on. `status` is the HTTP status the edge answers with."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "That did not work"
    default_code: ClassVar[str] = "bad_request"

    def __init__(self, detail: str, *, code: str | None = None, **extra: object) -> None:
        """Take `detail`, a sentence for a person; `extra` becomes further members of the problem document."""
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.extra = extra


class NotFound(DomainError):
    """The thing does not exist, or belongs to another workspace; the two are never told apart."""

    status = 404
    title = "Not found"
    default_code = "not_found"

    def __init__(self, what: str = "This") -> None:
        """Name the kind of thing that was looked for, such as "Contact"."""
        super().__init__(f"{what} was not found. It may have been deleted, or it is not in this workspace.")


class Forbidden(DomainError):
    """The person is known but their role or the key's scope does not allow it."""

    status = 403
    title = "Not allowed"
    default_code = "forbidden"


class Unauthorized(DomainError):
    """Nobody is signed in, or the credentials are wrong."""

    status = 401
    title = "Not signed in"
    default_code = "unauthorized"


class Conflict(DomainError):
    """The state of the thing does not allow this now, or it exists already."""

    status = 409
    title = "Conflict"
    default_code = "conflict"


class Gone(DomainError):
    """It was here, belongs to whoever asks, and was deleted because its time was over."""

    status = 410
    title = "Not there any more"
    default_code = "gone"


class TooLarge(DomainError):
    """More than this endpoint takes."""

    status = 413
    title = "Too large"
    default_code = "too_large"


class Invalid(DomainError):
    """Fields that cannot be taken as they are. `errors` maps a field to its sentences."""

    status = 422
    title = "Some fields need a change"
    default_code = "invalid"

    def __init__(
        self,
        errors: Mapping[str, str | Sequence[str]],
        detail: str | None = None,
        *,
        code: str | None = None,
    ) -> None:
        """Take `errors` as field → sentence or sentences; without `detail` the first sentence speaks for all."""
        self.errors = {k: [v] if isinstance(v, str) else list(v) for k, v in errors.items()}
        first = next((v[0] for v in self.errors.values() if v), "Check the marked fields.")
        super().__init__(detail or first, code=code)


class TooMany(DomainError):
    """More tries than allowed; `retry_after` says in how many seconds the next one may come."""

    status = 429
    title = "Too many requests"
    default_code = "too_many_requests"

    def __init__(self, retry_after: int) -> None:
        """Take the seconds until the next try."""
        minutes = max(1, round(retry_after / 60))
        super().__init__(f"Too many tries. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again.")
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part this needs is away; trying again later can help."""

    status = 503
    title = "Not available right now"
    default_code = "unavailable"

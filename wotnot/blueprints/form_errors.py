"""Refusals of services and schemas as what the form macros take: sentences by field."""

from marshmallow import ValidationError

from wotnot.errors import DomainError, Invalid


def errors_of(error: DomainError | ValidationError) -> dict[str, list[str]]:
    """What went wrong by field; a sentence that belongs to no field stands under "form"."""
    if isinstance(error, ValidationError):
        return {str(name): list(sentences) for name, sentences in error.messages_dict.items()}
    return dict(error.errors) if isinstance(error, Invalid) else {"form": [error.detail]}

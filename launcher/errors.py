"""What stops a start."""


class StartError(Exception):
    """WotNot cannot start. The message says why and what to do; it is all the person sees."""


class Stopped(Exception):  # noqa: N818 - not an error: somebody pressed Ctrl-C
    """Ctrl-C or SIGTERM arrived."""

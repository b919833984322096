"""The one error that a user may see: what was wanted, what came, what to do."""


class InputError(ValueError):
    """What the user gave cannot be used; its text is one sentence fit to show."""


class Cancelled(Exception):  # noqa: N818 - nothing is wrong: the user stopped the work
    """The user stopped the work."""

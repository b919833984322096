"""The one error that a user may see: what was wanted, what came, what to do."""

from collections.abc import Collection


class InputError(ValueError):
    """What the user gave cannot be used; its text is one sentence fit to show."""


class Cancelled(Exception):  # noqa: N818 - nothing is wrong: the user stopped the work
    """The user stopped the work."""


def in_short(names: Collection[str], most: int = 8) -> str:
    """Names as a sentence lists them, the first of many.

    >>> in_short("abcd", most=2)
    'a, b and 2 more'
    """
    shown = list(names)[:most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")

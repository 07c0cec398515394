"""What was read from immutable files, kept within a bound."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Kept(Generic[_Value]):
    """The values used last, up to `budget` in all.

    Parameters
    ----------
    budget
        Sum of the costs of what is kept.
    cost
        Of one value; one that costs more than a quarter of the budget is not kept.
    """

    def __init__(self, budget: int, cost: Callable[[_Value], int]) -> None:
        self._budget = budget
        self._cost = cost
        self._used = 0
        self._values: OrderedDict[str, tuple[int, _Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], _Value]) -> _Value:
        """Return the value of `key`, made now where it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][1]
        value = make()  # two threads may make the same value; neither waits for the other
        cost = self._cost(value)
        if cost * 4 > self._budget:
            return value
        with self._lock:
            if key not in self._values:
                self._values[key] = (cost, value)
                self._used += cost
            while self._used > self._budget:
                _, (old, _) = self._values.popitem(last=False)
                self._used -= old
        return value

"""Actions of a rule file: from YAML to `Actions`."""

from dataclasses import dataclass
from typing import cast

from pacs_bridge.routing.actions import (
    PRIORITIES,
    READ_DEFAULT,
    READ_NONE,
    Actions,
    Priority,
    PriorsWish,
)
from pacs_bridge.routing.located import Entries, Items, Node, Place, Scalar
from pacs_bridge.routing.reading import Sheet, listed, shown, suggestion

ACTION_KEYS = ("read", "priority", "forward_to", "results_to", "priors", "hold", "ignore")
PRIORS_KEYS = ("count", "from")
MAX_PRIORS = 20
# Only what these name happens, so nothing may stand beside them.
_FOR_A_READING = ("priority", "results_to", "priors")


@dataclass(frozen=True, slots=True)
class Known:
    """Names that a rule file may use.

    Parameters
    ----------
    peers
        DICOM and DICOMweb peers of the settings.
    readers
        Installed readers.
    ourselves
        Those of `peers` that are this system's own listener, which gets nothing forwarded.
    """

    peers: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()
    ourselves: frozenset[str] = frozenset()


def read_actions(sheet: Sheet, node: Node, what: str, known: Known) -> Actions | None:
    """Return the actions of a mapping; None, and at least one problem, if they cannot be used."""
    before = len(sheet.problems)
    found = {key.text: (key, value) for key, value in sheet.entries(node, what, ACTION_KEYS)}
    values = {name: value for name, (_, value) in found.items()}
    if isinstance(node, Entries) and not node.entries:
        sheet.problem(node.place, f"{what} is empty; it needs one of {listed(ACTION_KEYS)}")
    actions = Actions(
        read=_read(sheet, values.get("read"), known),
        priority=_priority(sheet, values.get("priority")),
        forward_to=_peers(sheet, values.get("forward_to"), "forward_to", known, forward=True) or (),
        results_to=_peers(sheet, values.get("results_to"), "results_to", known, forward=False),
        priors=_priors(sheet, values.get("priors"), known),
        hold=_flag(sheet, values.get("hold"), "hold"),
        ignore=_flag(sheet, values.get("ignore"), "ignore"),
    )
    _check_together(sheet, actions, {name: key.place for name, (key, _) in found.items()})
    return actions if len(sheet.problems) == before else None


def _check_together(sheet: Sheet, actions: Actions, places: dict[str, Place]) -> None:
    if actions.ignore:
        for name in places.keys() - {"ignore"}:
            sheet.problem(places[name], f"{name} has no effect beside ignore: true; remove one")
    elif actions.read == READ_NONE:
        for name in places.keys() & set(_FOR_A_READING):
            sheet.problem(places[name], f"{name} has no effect beside read: none; remove one")


def _read(sheet: Sheet, node: Node | None, known: Known) -> str:
    if node is None:
        return READ_DEFAULT
    allowed = (READ_DEFAULT, READ_NONE, *sorted(known.readers))
    return sheet.choice(node, "reader", allowed) or READ_DEFAULT


def _priority(sheet: Sheet, node: Node | None) -> Priority:
    if node is None:
        return "normal"
    return cast(Priority, sheet.choice(node, "priority", PRIORITIES) or "normal")


def _flag(sheet: Sheet, node: Node | None, what: str) -> bool:
    return node is not None and bool(sheet.flag(node, what))


def _peers(
    sheet: Sheet, node: Node | None, what: str, known: Known, *, forward: bool
) -> tuple[str, ...] | None:
    if node is None:
        return None
    if isinstance(node, Items) and not node.items and not forward:
        return ()  # results go nowhere
    named = sheet.texts(node, what)
    return tuple(
        name for name, place in named if _is_peer(sheet, name, place, known, forward=forward)
    )


def _is_peer(sheet: Sheet, name: str, place: Place, known: Known, *, forward: bool) -> bool:
    if name not in known.peers:
        sheet.problem(
            place,
            f"unknown peer {shown(name)}{suggestion(name, known.peers)}; peers of the settings: "
            f"{listed(sorted(known.peers))}",
        )
        return False
    if forward and name in known.ourselves:
        sheet.problem(
            place, f"the peer {shown(name)} is this system's own listener; that would be a loop"
        )
        return False
    return True


def _priors(sheet: Sheet, node: Node | None, known: Known) -> PriorsWish | None:
    if node is None:
        return None
    count: int | None = None
    peer: str | None = None
    for key, value in sheet.entries(node, "priors", PRIORS_KEYS):
        if key.text == "count":
            count = sheet.whole_number(value, "count of priors", 1, MAX_PRIORS)
        else:
            peer = _one_peer(sheet, value, known)
    if isinstance(node, Entries):
        written = {key.text for key, _ in node.entries}
        for missing in PRIORS_KEYS:
            if missing not in written:
                sheet.problem(node.place, f"priors lacks the key {missing!r}")
    return None if count is None or peer is None else PriorsWish(count, peer)


def _one_peer(sheet: Sheet, node: Node, known: Known) -> str | None:
    name = sheet.text(node, "from of priors")
    if name is None:
        return None
    assert isinstance(node, Scalar)
    return name if _is_peer(sheet, name, node.place, known, forward=True) else None

"""Apply the Basic Application Level Confidentiality Profile (PS3.15 E.2) to a data set."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from pacs_bridge.deidentify import content
from pacs_bridge.deidentify.actions import Action, basic_action, decide
from pacs_bridge.deidentify.elements import (
    Held,
    dummy,
    dummy_code,
    empty,
    replaced_uids,
    shifted,
    text_of,
    vr_of,
    worded,
)
from pacs_bridge.deidentify.key import Key
from pacs_bridge.deidentify.options import Options
from pacs_bridge.deidentify.table import ProfileTable, profile_table, safe_private_elements
from pacs_bridge.errors import DeidentifyError

_PATIENT_NAME, _PATIENT_ID, _AGE = 0x00100010, 0x00100020, 0x00101010
_OLDEST_AGE_YEARS = 89  # 45 CFR 164.514(b)(2)(i)(C): older ages as one class
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a data set is about, as the recipient will know them.

    Parameters
    ----------
    pseudonym
        Takes the place of Patient ID and Patient's Name.
    date_shift
        How far this patient's dates move.
    """

    pseudonym: str
    date_shift: timedelta


def subject_of(dataset: Dataset, key: Key) -> Subject:
    """Return the pseudonymous subject: by Patient ID, or by study where there is none."""
    patient = str(dataset.get("PatientID", "") or "").strip()
    identity = f"id:{patient}" if patient else f"study:{dataset.get('StudyInstanceUID', '')}"
    return Subject(key.pseudonym(identity), key.date_shift(identity))


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile with its options, a key, and the table in force."""

    options: Options
    key: Key
    table: ProfileTable = field(default_factory=profile_table)

    def apply(self, dataset: Dataset) -> Subject:
        """De-identify `dataset` in place, in all its levels.

        Elements that are kept stay as they are encoded.

        Raises
        ------
        DeidentifyError
            If sequences are nested too deep.
        """
        subject = subject_of(dataset, self.key)
        self._clean(dataset, subject, 0)
        return subject

    def _clean(self, dataset: Dataset, subject: Subject, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise DeidentifyError(f"sequences are nested more than {_MAX_DEPTH} deep")
        creators = _private_creators(dataset) if self.options.safe_private else {}
        for tag in list(dataset.keys()):
            held = dataset.get_item(tag)
            vr = vr_of(held)
            action = decide(tag, vr, self.options, self.table)
            if action is Action.PRIVATE:
                if not _is_safe(tag, creators):
                    del dataset[tag]
            elif tag.element == 0 or tag.group < 8:  # group lengths are retired (PS3.5 7.2)
                del dataset[tag]
            else:
                self._treat(dataset, tag, vr, action, subject, depth)

    def _treat(
        self,
        dataset: Dataset,
        tag: BaseTag,
        vr: str,
        action: Action,
        subject: Subject,
        depth: int,
    ) -> None:
        if action is Action.WORDS:
            self._treat_text(dataset, tag, vr, subject, depth)
        elif action is Action.REMOVE:
            del dataset[tag]
        elif tag in (_PATIENT_NAME, _PATIENT_ID) and action is not Action.KEEP:
            dataset[tag] = DataElement(tag, vr, subject.pseudonym)
        elif action is Action.EMPTY:
            dataset[tag] = empty(tag, vr)
        elif vr == "SQ":
            self._treat_sequence(dataset, tag, action, subject, depth)
        else:
            new = self._replaced(dataset.get_item(tag), vr, action, subject)
            if new is not None:
                dataset[tag] = new

    def _treat_text(
        self, dataset: Dataset, tag: BaseTag, vr: str, subject: Subject, depth: int
    ) -> None:
        """Keep the allowed words of a description; if there is none, treat it without option."""
        row, words = self.table.row(tag), self.options.descriptors
        assert row is not None and words is not None  # the action depends on both
        kept = worded(dataset[tag], vr, words)
        if kept is not None:
            dataset[tag] = kept
        else:
            self._treat(dataset, tag, vr, basic_action(row, tag), subject, depth)

    def _replaced(
        self, held: Held, vr: str, action: Action, subject: Subject
    ) -> DataElement | None:
        """Return the element to put in place of `held`; None if it stays as it is encoded."""
        tag = held.tag
        if action is Action.KEEP:
            return _capped_age(held) if tag == _AGE else None
        if action is Action.UID or (action is Action.DUMMY and vr == "UI"):
            return replaced_uids(held, self.key)
        if action is Action.SHIFT:
            return shifted(held, vr, subject.date_shift)
        return dummy(tag, vr) if held.value else None  # an empty value needs no dummy

    def _treat_sequence(
        self, dataset: Dataset, tag: BaseTag, action: Action, subject: Subject, depth: int
    ) -> None:
        items = dataset[tag].value
        if action is Action.STRUCTURE:
            content.keep_coded(items, dates=self.options.modified_dates)
        elif action is Action.GRAPHICS:
            content.drop_text(items)
        for position, item in enumerate(items):
            if action is Action.DUMMY and ("CodeValue" in item or "LongCodeValue" in item):
                items[position] = dummy_code()
            else:
                self._clean(item, subject, depth + 1)


def _capped_age(held: Held) -> DataElement | None:
    found = re.fullmatch(r"(\d{3})Y", text_of(held))
    if found is None or int(found[1]) <= _OLDEST_AGE_YEARS:
        return None
    return DataElement(
        held.tag, "AS", f"{_OLDEST_AGE_YEARS + 1:03}Y", validation_mode=config.IGNORE
    )


def _private_creators(dataset: Dataset) -> Mapping[tuple[int, int], str]:
    """Return the private creators by group and block (PS3.5 7.8.1)."""
    return {
        (tag.group, tag.element): text_of(dataset.get_item(tag))
        for tag in dataset.keys()  # noqa: SIM118 - iterating a Dataset decodes every element
        if tag.is_private_creator
    }


def _is_safe(tag: BaseTag, creators: Mapping[tuple[int, int], str]) -> bool:
    safe = safe_private_elements()
    if tag.is_private_creator:
        creator = creators[tag.group, tag.element]
        return any(c == creator and group == tag.group for c, group, _ in safe)
    creator = creators.get((tag.group, tag.element >> 8), "")
    return (creator, tag.group, tag.element & 0xFF) in safe

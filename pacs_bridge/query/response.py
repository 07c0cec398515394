"""A match as a DICOM data set: the identifier of a C-FIND response, or an item of QIDO-RS."""

from collections.abc import Iterable

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs_bridge.query.find import Match, Value

CHARACTER_SET = "ISO_IR 192"


def to_dataset(match: Match, keywords: Iterable[str], *, retrieve_ae_title: str = "") -> Dataset:
    """Return the asked attributes of a match, in UTF-8.

    Parameters
    ----------
    match
        From `find`.
    keywords
        What to return; what the match does not have is left out (PS3.4 C.2.2.1.3).
    retrieve_ae_title
        Who can be asked for the instances; empty leaves the element out.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = CHARACTER_SET
    for keyword in keywords:
        if keyword in match.values:
            _add(dataset, keyword, match.values[keyword])
    if retrieve_ae_title:
        dataset.RetrieveAETitle = retrieve_ae_title
    dataset.InstanceAvailability = "ONLINE"
    return dataset


def _add(dataset: Dataset, keyword: str, value: Value) -> None:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    plain = list(value) if isinstance(value, tuple) else value
    # Archived text may break the rules of its VR; pydicom would show it in a warning.
    dataset.add(DataElement(tag, dictionary_VR(tag), plain, validation_mode=config.IGNORE))

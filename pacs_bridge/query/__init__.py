"""Find patients, studies, series and instances in the archive's index (PS3.4 C.2.2.2).

The one query behind C-FIND and QIDO-RS::

    keys = {"PatientName": "zhang*", "StudyDate": "20260101-", "NumberOfStudyRelatedSeries": ""}
    for match in find(engine, Level.STUDY, keys, limit=100):
        dataset = to_dataset(match, keys, retrieve_ae_title="CLINICALAI")

`find` matches the keys that have a value and computes what the keys ask to be returned; keys
that `known` does not name at the level are ignored, so that the caller can report them
(C-FIND: pending with a warning; QIDO-RS: a ``Warning`` header). A malformed value raises
`pacs_bridge.errors.QueryError`. The attributes of the level and of those above it may be keys:
hierarchical rules (which unique keys must be there) are the caller's.
"""

from pacs_bridge.query.attributes import ATTRIBUTES, Attribute, Level, known
from pacs_bridge.query.find import Match, find
from pacs_bridge.query.response import to_dataset

__all__ = ["ATTRIBUTES", "Attribute", "Level", "Match", "find", "known", "to_dataset"]

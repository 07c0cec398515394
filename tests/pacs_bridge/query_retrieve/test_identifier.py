"""Reading identifiers, and the hierarchical rules of PS3.4 C.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.errors import QueryError
from pacs_bridge.query import Level
from pacs_bridge.query_retrieve.identifier import check_unique_keys, read_identifier
from pacs_bridge.query_retrieve.models import Model, Operation
from tests.pacs_bridge.support import encode

# Values against the standard on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")

PATIENT_ROOT = Model(Level.PATIENT, Operation.FIND)
STUDY_ROOT = Model(Level.STUDY, Operation.FIND)


def read(model=STUDY_ROOT, syntax=ExplicitVRLittleEndian, **keys):
    ds = Dataset()
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return read_identifier(encode(ds, syntax), syntax, model)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_values_are_decoded(syntax):
    identifier = read(
        syntax=syntax,
        QueryRetrieveLevel="IMAGE",
        SpecificCharacterSet="GB18030",
        PatientName="张*",
        StudyInstanceUID=["1.2", "1.3"],
        Rows=512,
        SeriesDescription="",
    )
    assert identifier.level is Level.IMAGE
    assert identifier.keys["PatientName"] == "张*"
    assert identifier.keys["StudyInstanceUID"] == "1.2\\1.3"
    assert identifier.keys["Rows"] == "512"
    assert identifier.keys["SeriesDescription"] == ""
    assert not identifier.unsupported


def test_a_list_of_many_uids_is_read_whole():
    uids = [f"1.2.3.{n}" for n in range(500)]
    keys = read(QueryRetrieveLevel="STUDY", StudyInstanceUID=uids).keys
    assert keys["StudyInstanceUID"].split("\\") == uids


def test_keys_that_we_do_not_have_are_told():
    assert read(QueryRetrieveLevel="STUDY", PatientWeight=None).unsupported
    assert read(QueryRetrieveLevel="STUDY", SeriesNumber=None).unsupported
    assert read(QueryRetrieveLevel="STUDY", RequestAttributesSequence=[]).unsupported
    assert not read(QueryRetrieveLevel="STUDY", RetrieveAETitle="X", StudyDate="").unsupported


@pytest.mark.parametrize("level", ["", "PATIENT", "study", "EVERYTHING", "STUDY\\SERIES"])
def test_a_level_that_the_model_lacks_is_refused(level):
    with pytest.raises(QueryError) as error:
        read(QueryRetrieveLevel=level)
    assert error.value.keyword == "QueryRetrieveLevel"


@pytest.mark.parametrize(
    ("model", "retrieve", "keys", "at_fault"),
    [
        (STUDY_ROOT, False, {"QueryRetrieveLevel": "STUDY"}, None),
        (STUDY_ROOT, True, {"QueryRetrieveLevel": "STUDY"}, "StudyInstanceUID"),
        (STUDY_ROOT, True, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2\\1.3"}, None),
        (
            STUDY_ROOT,
            True,
            {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "*"},
            "StudyInstanceUID",
        ),
        (STUDY_ROOT, False, {"QueryRetrieveLevel": "SERIES"}, "StudyInstanceUID"),
        (
            STUDY_ROOT,
            False,
            {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2\\1.3"},
            "StudyInstanceUID",
        ),
        (STUDY_ROOT, False, {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2"}, None),
        (
            STUDY_ROOT,
            False,
            {"QueryRetrieveLevel": "IMAGE", "StudyInstanceUID": "1.2"},
            "SeriesInstanceUID",
        ),
        (PATIENT_ROOT, False, {"QueryRetrieveLevel": "PATIENT", "PatientName": "A*"}, None),
        (PATIENT_ROOT, False, {"QueryRetrieveLevel": "STUDY"}, "PatientID"),
        (PATIENT_ROOT, False, {"QueryRetrieveLevel": "STUDY", "PatientID": "P*"}, "PatientID"),
        (PATIENT_ROOT, True, {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, None),
    ],
)
def test_unique_keys(model, retrieve, keys, at_fault):
    values = {k: v.split("\\") if "\\" in v else v for k, v in keys.items()}
    identifier = read(model, **values)
    if at_fault is None:
        check_unique_keys(identifier, model, retrieve=retrieve)
        return
    with pytest.raises(QueryError) as error:
        check_unique_keys(identifier, model, retrieve=retrieve)
    assert error.value.keyword == at_fault


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with pytest.raises(QueryError):
        read_identifier(data, ExplicitVRLittleEndian, STUDY_ROOT)

"""What is told of an OperationOutcome: codes and elements, never what it quotes."""

from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.records.fhir.outcome import NOTHING_SAID, Issue, read_outcome

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=20,
)


def outcome(*issues: object) -> dict[str, object]:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def test_errors_come_before_warnings():
    found = read_outcome(
        outcome(
            {"severity": "warning", "code": "informational"},
            {"severity": "error", "code": "required", "expression": ["Patient.name[0].family"]},
        )
    )
    assert found.issues[0] == Issue("error", "required", "Patient.name[0].family")
    assert str(found.issues[0]) == "required at Patient.name[0].family"


def test_what_is_no_code_and_no_element_is_not_told():
    found = read_outcome(
        outcome(
            {
                "severity": "Wang",
                "code": "Wang Xiaoming 1960",
                "expression": ["Patient.where(name = 'Wang')"],
                "diagnostics": "Wang\x1b[31m\nXiaoming",
                "details": {"text": "born 1960"},
            }
        )
    )
    assert found.issues == (Issue("", "", ""),)
    assert "Wang" not in repr(found)
    assert found.said == "Wang [31m Xiaoming; born 1960"


def test_anything_else_says_nothing():
    assert read_outcome({"resourceType": "Patient"}) == NOTHING_SAID
    assert read_outcome(None) == NOTHING_SAID


@given(json_values, st.lists(json_values, max_size=5))
def test_any_json_is_read(value, issues):
    read_outcome(value)
    read_outcome({"resourceType": "OperationOutcome", "issue": value})
    read_outcome(outcome(*issues))
    read_outcome(outcome({"severity": value, "code": value, "details": value, "location": value}))

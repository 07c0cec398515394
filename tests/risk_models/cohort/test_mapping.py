import pytest

from risk_models.cohort.errors import MappingError
from risk_models.cohort.fields import FIELDS
from risk_models.cohort.mapping import TableMapping, plan_table, read_mapping
from risk_models.cohort.words import field_of_header, unit_of
from tests.risk_models.cohort.tables import GOOD


@pytest.mark.parametrize(
    ("header", "field", "unit"),
    [
        ("收缩压", "systolic_bp", None),
        (" SBP ", "systolic_bp", None),
        ("总胆固醇(mmol/L)", "total_cholesterol", "mmol/L"),
        ("总胆固醇（毫摩尔/升）", "total_cholesterol", "mmol/L"),
        ("TC [mg/dL]", "total_cholesterol", "mg/dL"),
        ("total_cholesterol_mmol_l", "total_cholesterol", "mmol/L"),
        ("HbA1c(%)", "hba1c", "%"),
        ("肌酐(μmol/L)", "creatinine", "umol/L"),
        ("肌酐(\u00b5mol/L)", "creatinine", "umol/L"),
        ("Total Cholesterol", "total_cholesterol", None),
    ],
)
def test_headers_that_are_known(header, field, unit):
    found = field_of_header(header)
    assert found is not None
    assert (found[0].name, found[1]) == (field, unit)


def test_headers_that_are_not_known():
    assert field_of_header("姓名") is None
    assert field_of_header("总胆固醇(没有单位)") is None
    assert unit_of("furlong") is None


def test_a_unit_that_is_stated_nowhere_is_refused_and_all_are_named():
    with pytest.raises(MappingError, match=r"总胆固醇 .*mmol/L or mg/dL.*; HDL"):
        plan_table(["编号", "总胆固醇", "HDL", "SBP"], TableMapping())


def test_no_person_and_two_columns_for_one_field_are_refused():
    with pytest.raises(MappingError, match="who the person is"):
        plan_table(["SBP"], TableMapping())
    with pytest.raises(MappingError, match="two columns for one field"):
        plan_table(["编号", "SBP", "收缩压"], TableMapping())


def test_a_mapping_file_with_local_headers(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(
        """
        absent_means_no = ["diabetes"]
        [columns]
        "胆固醇值(mmol/L)" = "total_cholesterol"
        "HDL值" = { field = "hdl_cholesterol", unit = "mmol/L" }
        "LDL值" = { field = "ldl_cholesterol", unit_column = "LDL单位" }
        "XB" = { field = "sex", words = { "1" = "male", "2" = "female" } }
        "ID" = "person_id"
        [constants]
        north_of_yangtze = true
        region = "East Asia"
        """,
        "utf-8",
    )
    mapping = read_mapping(path)
    headers = ["ID", "XB", "胆固醇值(mmol/L)", "HDL值", "LDL值", "LDL单位", "编号"]
    plan = plan_table(headers, mapping)
    by_field = {column.field: column for column in plan.columns}
    assert by_field["total_cholesterol"].unit == "mmol/L"
    assert by_field["ldl_cholesterol"].unit_column == "LDL单位"
    assert by_field["sex"].words == {"1": "male", "2": "female"}
    assert plan.unused == ("编号",)
    assert mapping.constants == {"north_of_yangtze": True, "region": "East Asia"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[columns]\n"x" = "cholesterin"', "no field 'cholesterin'"),
        ('[columns]\n"x" = { field = "sex", words = { "1" = "man" } }', "'man' is not one of"),
        ('[columns]\n"x" = { field = "hba1c", unit = "mg/dL" }', "is not one of %, mmol/mol"),
        ('[columns]\n"x" = { unit = "mg/dL" }', "write"),
        ("[constants]\nsex = 'male'", "constant sex"),
        ("[constants]\nurban = 1", "true or false"),
        ('absent_means_no = ["hba1c"]', "not a yes/no field"),
        ("[colums]\na = 1", "unknown colums"),
        ("[columns", "mapping file"),
    ],
)
def test_mapping_files_that_are_refused(tmp_path, text, message):
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(MappingError, match=message):
        read_mapping(path)


def test_a_column_the_file_lacks_is_named(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('[columns]\n"血压" = "systolic_bp"', "utf-8")
    with pytest.raises(MappingError, match="血压"):
        plan_table(list(GOOD), read_mapping(path))


def test_every_field_that_needs_a_unit_says_which_are_possible():
    assert FIELDS["hba1c"].needs_unit and FIELDS["creatinine"].needs_unit
    assert not FIELDS["systolic_bp"].needs_unit and not FIELDS["height"].needs_unit

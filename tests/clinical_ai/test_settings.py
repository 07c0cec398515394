import pytest

from clinical_ai.errors import SettingsError
from clinical_ai.settings import load_settings


@pytest.fixture(autouse=True)
def empty(monkeypatch, tmp_path):
    monkeypatch.setenv("CLINICAL_AI_CONFIG", str(tmp_path / "clinical-ai.toml"))


def test_defaults_stay_on_loopback_and_sqlite():
    settings = load_settings()
    assert settings.dicom.host == settings.ui_host == "127.0.0.1"
    assert settings.sql_url.startswith("sqlite:///")
    assert settings.workflow_url != settings.sql_url


def test_the_file_and_above_it_the_environment(tmp_path, monkeypatch):
    (tmp_path / "clinical-ai.toml").write_text(
        'institution = "第一医院"\nresult_peers = ["pacs"]\n'
        '[peers.pacs]\nae_title = "PACS"\nhost = "10.0.0.5"\nport = 104\n'
        "[dicom]\nport = 5000\n[dicom.quiet_seconds]\nCT = 30\n"
    )
    monkeypatch.setenv("CLINICAL_AI_DICOM__PORT", "6000")
    settings = load_settings()
    assert settings.institution == "第一医院"
    assert settings.dicom.port == 6000
    assert settings.dicom.quiet_seconds["CT"] == 30
    assert settings.peers["pacs"].ae_title == "PACS"


def test_postgresql_holds_both_records_and_checkpoints(monkeypatch):
    monkeypatch.setenv("CLINICAL_AI_DATABASE_URL", "postgresql+psycopg://u@h/d")
    settings = load_settings()
    assert settings.sql_url == settings.workflow_url == "postgresql+psycopg://u@h/d"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CLINICAL_AI_UI_PORT", "99999", "ui_port.*99999"),
        ("CLINICAL_AI_DICOM__AE_TITLE", "SEVENTEEN-LETTERS", "ae_title.*SEVENTEEN-LETTERS"),
        ("CLINICAL_AI_LANGUAGE", "fr", "language.*fr"),
        ("CLINICAL_AI_RESULT_PEERS", '["nowhere"]', "'nowhere'"),
        ("CLINICAL_AI_PRODUCTION", "true", "allowed_calling"),
        ("CLINICAL_AI_DICOM__QUERY_RETRIEVE", "true", "allowed_calling"),
    ],
)
def test_a_bad_value_is_named(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=says):
        load_settings()


@pytest.mark.parametrize(
    "text",
    [
        '[web_peers.a]\nurl = "https://x/d"\npasswort = "geheim"\n',  # misspelt
        '[web_peers.a]\ntoken = "geheim"\n',  # the URL is missing
        '[web_peers.a]\nurl = "https://x/d"\npassword = ["geheim"]\n',
        'database_url = ["postgresql://u:geheim@h/d"]\n',
    ],
)
def test_a_password_is_not_shown(tmp_path, text):
    (tmp_path / "clinical-ai.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "geheim" not in str(caught.value)


def test_a_misspelt_key_is_refused(tmp_path):
    (tmp_path / "clinical-ai.toml").write_text("instituton = 'x'\n")
    with pytest.raises(SettingsError, match="instituton"):
        load_settings()


def test_a_file_that_is_not_toml_is_named(tmp_path):
    (tmp_path / "clinical-ai.toml").write_text("a = = b")
    with pytest.raises(SettingsError, match=r"clinical-ai\.toml"):
        load_settings()


def test_production_needs_to_know_who_sends_orders(monkeypatch):
    monkeypatch.setenv("CLINICAL_AI_PRODUCTION", "true")
    monkeypatch.setenv("CLINICAL_AI_DICOM__ALLOWED_CALLING", '["CT1"]')
    load_settings()
    monkeypatch.setenv("CLINICAL_AI_HL7__RECEIVE__PORT", "2575")
    monkeypatch.setenv("CLINICAL_AI_HL7__RECEIVE__ALLOWED_HOSTS", '["10.0.0.9"]')
    with pytest.raises(SettingsError, match="allowed_senders"):
        load_settings()
    monkeypatch.setenv("CLINICAL_AI_HL7__RECEIVE__ALLOWED_SENDERS", '["RIS"]')
    assert load_settings().hl7.receive.port == 2575


def test_passwords_and_tokens_are_never_shown(tmp_path):
    (tmp_path / "clinical-ai.toml").write_text(
        "[web_peers.a]\ntoken = 'SECRET1'\n"
        "[web_peers.b]\nurl = 'https://pacs.example'\npassword = 7777777\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "web_peers.a.url" in str(caught.value)
    assert "web_peers.b.password" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "7777777" not in str(caught.value)

"""Settings of FHIR servers: what works, and what is refused with its name and without secrets."""

import pytest

from clinical_ai.errors import SettingsError
from clinical_ai.fhir_settings import BackendServicesAuth, FhirServerSettings
from clinical_ai.settings import load_settings


@pytest.fixture
def read(tmp_path, monkeypatch):
    def load(text: str):
        file = tmp_path / "clinical-ai.toml"
        file.write_text(text)
        monkeypatch.setenv("CLINICAL_AI_CONFIG", str(file))
        return load_settings().fhir_servers

    return load


def test_a_server_with_backend_services(read):
    servers = read(
        """
        [fhir_servers.his]
        base_url = "https://his.example/fhir"
        roles = ["read", "write"]
        [fhir_servers.his.auth]
        type = "backend_services"
        client_id = "ai"
        key_file = "/k.pem"
        key_id = "1"
        """
    )
    auth = servers["his"].auth
    assert isinstance(auth, BackendServicesAuth)
    assert (auth.client_id, auth.token_url, auth.scope) == ("ai", "", "")


def test_a_password_comes_from_the_environment_and_is_not_shown(read, monkeypatch):
    monkeypatch.setenv("CLINICAL_AI_FHIR_SERVERS__HIS__AUTH__PASSWORD", "geheim")
    servers = read(
        """
        [fhir_servers.his]
        base_url = "http://10.0.0.1/fhir"
        [fhir_servers.his.auth]
        type = "basic"
        username = "ai"
        """
    )
    assert servers["his"].auth.password.get_secret_value() == "geheim"
    assert "geheim" not in repr(servers)


@pytest.mark.parametrize(
    ("server", "lines", "says"),
    [
        ("local", 'base_url = "https://x/fhir"', "'local'.*another name"),
        ('"a b"', 'base_url = "https://x/fhir"', "'a b'.*hyphens"),
        ("his", 'base_url = "https://x/fhir/"', r"his\.base_url"),
        ("his", 'base_url = "ftp://x"', r"his\.base_url"),
        ("his", 'base_url = "https://u:p@x/fhir"', r"his\.base_url"),
        ("his", 'base_url = "https://x/fhir?a=b"', r"his\.base_url"),
        ("his", 'base_url = "https://x"\nroles = []', r"his\.roles"),
        ("his", 'base_url = "https://x"\nauth = {type = "magic"}', r"his\.auth"),
        ("his", 'base_url = "https://x"\nauth = {type = "bearer"}', r"his\.auth\.bearer\.token"),
        ("his", 'base_url = "https://x"\nurl = "y"', "no such setting"),
        (
            "his",
            'base_url = "https://x"\nauth = {type = "backend_services", client_id = "a", '
            'key_id = "k", key_file = "f", token_url = "http://x/token"}',
            r"his\.auth\.backend_services\.token_url",
        ),
    ],
)
def test_what_cannot_work_is_refused(read, server, lines, says):
    with pytest.raises(SettingsError, match=says):
        read(f"[fhir_servers.{server}]\n{lines}")


@pytest.mark.parametrize(
    "url", ["https://x", "https://x:8443/a/b", "http://127.0.0.1:8090/fhir", "https://[::1]/fhir"]
)
def test_base_urls_that_work(url):
    assert FhirServerSettings(base_url=url).base_url == url

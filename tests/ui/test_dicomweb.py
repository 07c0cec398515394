"""DICOMweb in the screens' process."""

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from clinical_ai.accounts import Account
from clinical_ai.dicomweb import dicomweb_mount
from clinical_ai.dicomweb_access import add_token
from clinical_ai.services import open_services
from ui.server import security_headers
from ui.viewer_access import viewer_token, viewer_tokens


@pytest.fixture(scope="module")
def reader(site):
    services = open_services(site.hospital.settings)
    secret = add_token(services.engine, "reader", ["read"], 1)
    services.close()
    return {"Authorization": f"Bearer {secret}"}


def test_it_is_served_under_the_screens_own_address(site, reader):
    study = site.hospital.studies["urgent"]
    answer = httpx.get(f"{site.url}/dicomweb/studies/{study}/metadata", headers=reader)
    assert answer.status_code == 200
    instance = answer.json()[0]
    assert instance["7FE00010"]["BulkDataURI"].startswith(f"{site.url}/dicomweb/studies/{study}/")
    for name, value in security_headers().items():
        assert answer.headers[name] == value
    pixels = httpx.get(
        instance["7FE00010"]["BulkDataURI"], headers={**reader, "Accept-Encoding": "gzip"}
    )
    assert pixels.headers["content-encoding"] == "identity"
    assert len(pixels.content) == int(pixels.headers["content-length"])


def test_it_needs_a_token_and_no_other_origin(site, reader):
    assert httpx.get(f"{site.url}/dicomweb/studies").status_code == 401
    foreign = {**reader, "Origin": "http://evil.example"}
    assert httpx.get(f"{site.url}/dicomweb/studies", headers=foreign).status_code == 403
    own = {**reader, "Origin": site.url}
    answer = httpx.get(f"{site.url}/dicomweb/studies", headers=own)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_viewer_of_a_signed_in_person_reads_its_study_only(site):
    studies = site.hospital.studies
    services = open_services(site.hospital.settings)
    app = Starlette(routes=[dicomweb_mount(services, viewer_tokens())])
    token = viewer_token(Account("liwei", "李伟", "radiologist"), studies["urgent"])

    async def statuses() -> list[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://screens/dicomweb",
            headers={"Authorization": f"Bearer {token}"},
        ) as client:
            own, other = (f"/studies/{studies[name]}" for name in ("urgent", "clear"))
            answers = [
                await client.get(f"{own}/metadata"),
                await client.get(f"{other}/metadata"),
                await client.post(own, content=b"x"),
            ]
            return [answer.status_code for answer in answers]

    assert anyio.run(statuses) == [200, 403, 403]
    services.close()

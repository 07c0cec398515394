"""Next links: whatever they say, the request stays below our own base URL."""

from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.records.fhir.errors import FhirProtocolError
from clinical_ai.records.fhir.paging import Page, next_page

BASE = "https://his.example/r4"


def page(next_link: str, self_link: str = "") -> Page | None:
    links = [{"relation": "next", "url": next_link}, {"relation": "self", "url": self_link}]
    return next_page({"link": links}, base_url=BASE, resource_type="Observation", name="his")


def test_a_link_below_our_base():
    expected = Page("Observation", (("patient", "1"), ("_offset", "20")))
    assert page(f"{BASE}/Observation?patient=1&_offset=20") == expected
    assert page("Observation?patient=1&_offset=20") == expected
    assert page("/r4/Observation?patient=1&_offset=20") == expected


def test_a_link_to_the_base_itself():
    assert page(f"{BASE}?_getpages=x&b=") == Page("", (("_getpages", "x"), ("b", "")))


def test_a_link_to_another_host_counts_below_what_the_server_takes_for_its_base():
    link = "http://localhost:8090/fhir/_page/7?x=1"
    assert page(link, "http://localhost:8090/fhir/Observation?patient=1") == Page(
        "_page/7", (("x", "1"),)
    )
    searched = "http://localhost:8090/fhir/Observation/_search"
    assert page(link, searched) == Page("_page/7", (("x", "1"),))


def test_the_last_page_has_no_link():
    assert next_page({}, base_url=BASE, resource_type="Observation", name="his") is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_link_leads_out(tail, own):
    for link in (tail, f"https://evil/{tail}", f"{BASE}/{tail}", f"{BASE}{tail}", f"//{tail}"):
        try:
            found = page(link, own)
        except FhirProtocolError:
            continue
        assert found is not None
        assert not {"..", "."} & set(found.path.split("/"))
        assert not set(found.path) & set("?#\\:@% ")
        assert not found.path.startswith("/")

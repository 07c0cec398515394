"""The OpenAPI description: every route of our servers is in it, and nothing else."""

import re

import jsonschema
import pytest
from starlette.routing import Mount, Route

from clinical_ai.cds_hooks import cds_routes
from clinical_ai.dicomweb import dicomweb_mount
from clinical_ai.openapi.document import HEALTH, METRICS, openapi_document
from clinical_ai.services import open_services
from clinical_ai.settings import Settings

DOCUMENT = openapi_document()
PATHS = DOCUMENT["paths"]


def served(routes, prefix=""):
    """Path and method of every route, those of mounted applications too."""
    for route in routes:
        if isinstance(route, Mount):
            yield from served(route.app.routes, prefix + route.path)
        elif isinstance(route, Route) and route.methods is None:  # an application behind it
            yield from served(route.app.routes, prefix)
        elif isinstance(route, Route):
            path = re.sub(r":path(?=\})", "", route.path)
            for method in route.methods - {"HEAD"}:
                yield prefix + path, method.lower()


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    opened = open_services(Settings(data_dir=tmp_path_factory.mktemp("openapi")))
    yield opened
    opened.close()


def test_every_route_is_described_and_every_description_has_a_route(services):
    routes = [dicomweb_mount(services), *cds_routes(services)]
    described = {
        (path, method)
        for path, item in PATHS.items()
        for method in item
        if method in ("get", "post")
    } - {(HEALTH, "get"), (METRICS, "get")}
    assert set(served(routes)) == described


def test_parameters_of_a_path_are_those_it_names_and_their_examples_fit():
    for path, item in PATHS.items():
        for method in ("get", "post"):
            for parameter in item.get(method, {}).get("parameters", ()):
                if parameter["in"] == "path":
                    assert "{" + parameter["name"] + "}" in path
                    jsonschema.validate(parameter["example"], parameter["schema"])
            names = {
                p["name"] for p in item.get(method, {}).get("parameters", ()) if p["in"] == "path"
            }
            if method in item:
                assert names == set(re.findall(r"\{(\w+)\}", path))


def test_schemas_are_schemas():
    def schemas(node):
        if isinstance(node, dict):
            if "schema" in node and isinstance(node["schema"], dict):
                yield node["schema"]
            for value in node.values():
                yield from schemas(value)
        elif isinstance(node, list):
            for value in node:
                yield from schemas(value)

    found = list(schemas(DOCUMENT))
    assert len(found) > 50
    for schema in found:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_only_discovery_health_and_metrics_are_open():
    open_ones = {
        path
        for path, item in PATHS.items()
        for method in ("get", "post")
        if item.get(method, {}).get("security") == []
    }
    assert open_ones == {"/cds-services", HEALTH, METRICS}

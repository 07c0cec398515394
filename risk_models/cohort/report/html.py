"""A report as one HTML file that asks for nothing from outside."""

import base64

from jinja2 import Environment, PackageLoader, StrictUndefined

from risk_models.cohort.report.document import Document


def render_html(document: Document) -> str:
    """Render a document; every text is escaped, charts are pictures of their own."""
    environment = Environment(
        loader=PackageLoader("risk_models.cohort.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    return template.render(
        document=document,
        kinds=[type(block).__name__ for block in document.blocks],
        labels=dict(document.labels),
        picture=_picture,
    )


def _picture(svg: str) -> str:
    """An image address that holds the SVG itself: it can run no script and load nothing."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()

"""How the methods of a run work, with their sources and limits."""

from collections.abc import Iterator

from risk_models.cohort.report.document import Block, Bullets, Heading, Paragraph
from risk_models.surveillance.counts import IMPROBABLE
from risk_models.surveillance.detectors import cusum, ears
from risk_models.surveillance.methods import METHODS, farrington_settings
from risk_models.surveillance.report.texts import Words
from risk_models.surveillance.run import Surveillance
from risk_models.text import N_

HUTWAGNER = "Hutwagner L, et al. J Urban Health 2003;80(2 Suppl 1):i89-i96"
ROSSI = "Rossi G, et al. Stat Med 1999;18:2111-2122"
LUCAS = "Lucas JM. Technometrics 1985;27:129-144"
FARRINGTON = "Farrington CP, et al. J R Stat Soc A 1996;159:547-563"
NOUFAILY = "Noufaily A, et al. Stat Med 2013;32:1206-1222"

LIMITS = (
    N_(
        "EARS methods know no season: a rise that comes every year raises alarms every year, and a "
        "rise that lasts soon becomes the expected level."
    ),
    N_(
        "Cumulative sums find a small rise that lasts; their expected counts come from before the "
        "first judged period and follow the season only if two years of it are known."
    ),
    N_(
        "Events reported late make the latest counts too low. No correction is made: judge a "
        "period again once its reports are in."
    ),
)


def method_blocks(run: Surveillance, w: Words) -> Iterator[Block]:
    """Statements on the methods that were used, groups, completeness and limits."""
    yield Heading(w("Methods"))
    yield Bullets(tuple(_statements(run, w)))
    groups = {result.series.group.name: result.series.group for result in run.results}
    yield Bullets(
        tuple(
            w(
                "{group}: {codes} ({source})",
                group=w.group(group),
                codes=w.list([*group.icd10, *group.names]),
                source=w(group.source),
            )
            for group in groups.values()
        )
    )
    yield Paragraph(
        w(
            "A period counts as completely reported if all its days are. A period without any "
            "event of any disease between two with at least 14 is taken as not reported (its "
            "probability is below {p}).",
            p=f"{IMPROBABLE:g}",
        )
    )
    yield Heading(w("Limits"), level=2)
    yield Bullets(tuple(w(text) for text in LIMITS))


def _statements(run: Surveillance, w: Words) -> Iterator[str]:
    used = set(run.request.methods)
    for name, text in (
        ("ears_c1", N_("mean and three standard deviations of the seven periods before.")),
        ("ears_c2", N_("as C1, but the two periods just before are left out of the baseline.")),
        (
            "ears_c3",
            N_(
                "the excess of C2 over one standard deviation, summed over three periods, "
                "above {limit}."
            ),
        ),
    ):
        if name in used:
            yield _said(name, w(text, limit=ears.C3_LIMIT), HUTWAGNER, w)
    if "cusum_rossi" in used:
        text = w(
            "sum of standardised counts above k = {k}; alarm from h = {h} on.",
            k=cusum.ROSSI_K,
            h=cusum.ROSSI_H,
        )
        yield _said("cusum_rossi", text, ROSSI, w)
    if "cusum_poisson" in used:
        text = w(
            "sum of counts above the reference value, tuned to a rise by {shift} standard "
            "deviations, with {run} periods on average between false alarms.",
            shift=f"{cusum.SHIFT:g}",
            run=f"{cusum.AVERAGE_RUN_LENGTH:g}",
        )
        yield _said("cusum_poisson", text, LUCAS, w)
    for name, source in (("farrington", FARRINGTON), ("farrington_flexible", NOUFAILY)):
        if name in used:
            s = farrington_settings(name, run.request.period, run.request.options)
            text = w(
                "quasi-Poisson regression on {years} past years, {width} periods on each side of "
                "the same season, {seasons} seasonal levels, the last {skip} periods left out; "
                "past outbreaks (residuals above {above}) lose weight; threshold: {quantile} % "
                "quantile; no alarm with fewer than {fewest} events in {within} periods.",
                years=s.years,
                width=s.half_width,
                seasons=s.seasons,
                skip=s.skip_recent,
                above=s.reweight_above,
                quantile=f"{100 * s.quantile:g}",
                fewest=s.fewest,
                within=s.within,
            )
            yield _said(name, text, source, w)


def _said(name: str, text: str, source: str, w: Words) -> str:
    return w.pair(w(METHODS[name].title), f"{text} [{source}]")

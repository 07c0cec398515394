"""Fetching and asking other archives, set up by the settings: for the listener process."""

from collections.abc import Sequence

from clinical_ai.services import Services
from clinical_ai.sources import source_named
from pacs_bridge.completeness import Completeness, CompletenessRules, ExpectedCount, Requirement
from pacs_bridge.retrieve.expected import ExpectedCounts
from pacs_bridge.retrieve.fetch import FetchPolicy
from pacs_bridge.retrieve.fetcher import Fetcher
from pacs_bridge.retrieve.keep import keep_in
from pacs_bridge.retrieve.source import StudySource
from pacs_bridge.retrieve.throttle import daily_window

SENDER = "sender"


def fetch_policy(services: Services) -> FetchPolicy:
    """Return how fast studies are fetched."""
    return FetchPolicy(megabytes_per_second=services.settings.priors.megabytes_per_second)


def prior_fetcher(services: Services) -> Fetcher:
    """Return what fetches the retrievals of the database from the peers of the settings."""
    settings = services.settings
    keep = keep_in(services.archive)
    window = settings.priors.window
    return Fetcher(
        services.archive,
        (*settings.peers, *settings.web_peers),
        lambda name: source_named(settings, name, keep),
        name="listener",
        associations=settings.priors.associations,
        policy=fetch_policy(services),
        window=None if window is None else daily_window(window),
    )


def expected_counts(services: Services) -> ExpectedCounts:
    """Return what asks the peers of ``dicom.completeness.ask`` about a study."""

    def sources(study_uid: str) -> Sequence[StudySource]:
        names = [
            name
            for asked in services.settings.dicom.completeness.ask
            for name in (senders_of(services, study_uid) if asked == SENDER else (asked,))
        ]
        return [source_named(services.settings, name) for name in dict.fromkeys(names)]

    return ExpectedCounts(sources)


def senders_of(services: Services, study_uid: str) -> tuple[str, ...]:
    """Return the names of the peers that sent images of a study."""
    titles = {i.calling_ae_title for i in services.archive.instances(study_uid)}
    return tuple(name for name, p in services.settings.peers.items() if p.ae_title in titles)


def completeness(services: Services, expected: ExpectedCount) -> Completeness | None:
    """Return when a study is complete by the settings; None if its quiet time decides alone."""
    wanted = services.settings.dicom.completeness
    if not (wanted.ask or wanted.required):
        return None
    rules = CompletenessRules(
        settle_seconds=wanted.settle_seconds,
        forced_seconds=wanted.forced_seconds,
        required={
            modality: Requirement(r.min_images, r.views) for modality, r in wanted.required.items()
        },
    )
    return Completeness(services.archive, rules, expected if wanted.ask else None)

"""What the packs ask to be kept, and what of it Pantau does not keep."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Config
from agent.config.retention import floor_of_log
from agent.config.values import format_duration
from exporters.audit.options import AuditOptions
from policies.effective import Kept, Policy
from policies.regime import DAY

_ELSEWHERE = {
    "dossier": "it is not in the audit log, so keep it yourselves",
    "breach_records": "the audit log holds when clocks ran, by whose word, and what alerts were "
    "sent; what happened, who is concerned and what was done, keep yourselves",
}
"""By `what` of a floor: what of it people have to keep, whatever the audit log does."""


def log_kept(config: Config) -> dict[str, str | None]:
    """Return how long the audit log is kept, and which pack asks for that."""
    seconds = next(o.retention for o in config.exporters if isinstance(o, AuditOptions))
    floor = floor_of_log(config)
    return {"for": format_duration(seconds), "because": None if floor is None else floor.words()}


def kept_elsewhere(config: Config, policy: Policy) -> Iterator[str]:
    """Give each floor of the packs that keeping the audit log does not meet by itself."""
    for kept in policy.retention:
        rest = _ELSEWHERE.get(kept.what)
        if rest is not None:
            yield f"{_says(kept)}: {rest}"
        ttl = config.evidence.ttl
        if kept.what == "evidence" and config.evidence.enabled and ttl < kept.days * DAY:
            yield (
                f"{_says(kept)}: samples of events and reports made of them are removed after "
                f"{format_duration(ttl)}; raise `evidence.ttl`, or keep them yourselves"
            )


def _says(kept: Kept) -> str:
    what = kept.what.replace("_", " ")
    return f"{kept.pack} asks to keep for {kept.days} days at least: {what} ({kept.source})"

"""How long the audit log is kept: at least as long as the packs in force ask of what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.config.inventory import PLAIN
from agent.config.model import Config
from agent.config.packs import chosen_packs, packs_of
from agent.config.values import format_duration
from exporters.audit.options import AuditOptions
from policies.complaint import PackError
from policies.pack import Pack
from policies.regime import DAY, Retention

Place = tuple[str | int, ...]


class Floor(NamedTuple):
    """What a pack that holds for a system says must be kept."""

    system: str
    pack: Pack
    kept: Retention

    @property
    def seconds(self) -> int:
        """How long."""
        return self.kept.days * DAY

    def words(self) -> str:
        """Return which pack asks for how long, of what, and by which law."""
        kept = self.kept
        return (
            f"the pack {self.pack.id} asks to keep {kept.what.replace('_', ' ')} for "
            f"{format_duration(self.seconds)} at least ({kept.source}, looked up on "
            f"{kept.verified_on}, confidence {kept.confidence})"
        )


def floors(config: Config) -> list[Floor]:
    """Return every floor of the packs of every system, the longest first.

    Packs that cannot be read are told where they are used, not here.
    """
    found = []
    for system in config.systems:
        if all(pack.name in PLAIN for pack in chosen_packs(config, system)):
            continue
        try:
            packs = packs_of(config, system)
        except PackError:
            continue
        found += [Floor(system.id, pack, kept) for pack in packs for kept in pack.retention]
    return sorted(found, key=lambda floor: -floor.seconds)


def floor_of_log(config: Config) -> Floor | None:
    """Return the longest floor that applies to the audit log; None if no pack asks for one."""
    return next((floor for floor in floors(config) if floor.kept.in_the_log), None)


def kept_too_short(config: Config) -> Iterator[tuple[Place, str]]:
    """Give the place of a `retention` that is set and too short, and why it is refused."""
    floor = floor_of_log(config)
    for i, options in enumerate(config.exporters):
        if floor is None or not isinstance(options, AuditOptions):
            continue
        if "retention" in options.model_fields_set and options.retention < floor.seconds:
            least = format_duration(floor.seconds)
            yield (
                ("exporters", i, "retention"),
                (
                    f"is {format_duration(options.retention)}, but {floor.words()}, and the audit "
                    f"log holds those of the system {floor.system}: {floor.kept.reason} Write "
                    f"`retention: {least}` or longer, or leave it out: then it is {least}"
                ),
            )


def kept_long_enough(config: Config) -> Config:
    """Return the configuration; a `retention` that is not set is as long as the packs ask."""
    floor = floor_of_log(config)
    if floor is None:
        return config
    exporters = tuple(
        options.model_copy(update={"retention": floor.seconds})
        if isinstance(options, AuditOptions) and options.retention < floor.seconds
        else options
        for options in config.exporters
    )
    return config.model_copy(update={"exporters": exporters})

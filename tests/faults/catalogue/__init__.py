"""Realistic faults, room by room; each names the check that must see it."""

from tests.faults.catalogue import (
    activations,
    both_sides,
    complexity,
    datasets,
    equivalent,
    guards,
    initializers,
    layers,
    losses,
    network,
    optimizers,
    record,
    regularizers,
    runs,
    schedules,
    training,
    twin,
)

ROOMS = {
    room.__name__.rpartition(".")[2]: room.FAULTS
    for room in (
        activations,
        layers,
        losses,
        network,
        regularizers,
        schedules,
        optimizers,
        training,
        record,
        guards,
        initializers,
        complexity,
        runs,
        datasets,
        twin,
        both_sides,
    )
}
"""In the order in which one reads."""

FAULTS = [fault for faults in ROOMS.values() for fault in faults]
EQUIVALENT = equivalent.EQUIVALENT

"""What went over the wires of a bench, for the traffic view: pages of it, and a replay file.

Pulled by whoever looks, so that it costs nothing while nobody does, and a slow browser delays
nobody. Keeping it, and what a replay file says, is `devices`'.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.recorder import export
from funcnodes.devices.device import Device
from funcnodes.devices.messages.traffic import Exchange
from funcnodes.workers import schema

LIMIT = 2_000
SHOWN = 1_024  # bytes told of one message: the page shows a line
MEDIA_TYPE = "application/x-ndjson"


def traffic_page(bench: Bench, since: Mapping[str, int], limit: int) -> schema.TrafficPage:
    """What came after `since`, oldest first.

    Args:
        since: By device, the first number that is wanted; of others all that is kept.
        limit: At most so many of each device, the newest.
    """
    page = schema.TrafficPage()
    for device in bench.devices.values():
        _add(page, device, since.get(device.name, 0), max(1, min(limit, LIMIT)))
    page.entries.sort(key=lambda entry: entry.t)
    return page


def replay_file(bench: Bench, names: Iterable[str]) -> bytes:
    """What is kept of these devices' traffic (of all, where there are none), as a replay file.

    Raises:
        BenchError: There is no such device.
        RecordingError: There is no room for it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "traffic.jsonl")
        export(path, bench, names=names)
        return path.read_bytes()


def _add(page: schema.TrafficPage, device: Device, since: int, limit: int) -> None:
    count = device.traffic.count
    found = device.traffic.last(max(0, min(count - since, limit)))
    page.counts[device.name] = count
    page.missed += max(0, count - since - len(found)) if since else 0
    first = count - len(found)
    page.entries += [_entry(device.name, first + i, each) for i, each in enumerate(found)]


def _entry(device: str, number: int, exchange: Exchange) -> schema.TrafficEntry:
    data = exchange.data
    return schema.TrafficEntry(
        device, number, exchange.t, exchange.direction, data[:SHOWN], len(data),
        exchange.latency_ms,
    )  # fmt: skip

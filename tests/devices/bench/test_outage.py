"""What a device is after an outage, and whether a set was taken (D8, D10)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from funcnodes.devices import Bench, Instrument, control, driver, measurement, setting
from funcnodes.devices.device import Device
from funcnodes.devices.device.kept import OutageNotice
from funcnodes.errors import DeviceError, NotTakenError, RefusedError
from funcnodes.testing.benches import bench_of

from ...outage import Bare, Lockin, Mains
from ...waiting import until


@pytest.fixture
async def mains() -> AsyncIterator[Mains]:
    async with Mains() as found:
        yield found


@pytest.fixture(params=[Lockin, Bare])
async def bench(request: pytest.FixtureRequest, mains: Mains) -> AsyncIterator[Bench]:
    """With an identity and without."""
    async with bench_of({"lia": (request.param, mains.address)}) as found:
        yield found


def told(bench: Bench) -> list[OutageNotice]:
    notices: list[OutageNotice] = []
    bench.on_notice(notices.append)
    return notices


async def after(device: Device, mains: Mains, outage: Callable[[], object]) -> None:
    """Wait until the device was away and is there again."""
    before = mains.connections
    outage()
    await until(lambda: mains.connections > before)
    await until(lambda: device.is_online)


async def test_a_setting_that_was_lost_is_told_and_nothing_is_ok(
    bench: Bench, mains: Mains
) -> None:
    lia, notices = bench.device("lia"), told(bench)
    await lia.member_set("gain", 1000)
    await after(lia, mains, mains.dip)
    assert lia.message == "lia lost its settings: gain was 1000, is 1."
    assert [(n.device, n.text, n.is_change) for n in notices] == [("lia", lia.message, True)]
    assert (await lia.member_get("i")).quality == "changed"
    assert (await lia.member_read("i"))["value"].quality == "changed"
    newest = lia.newest("v")
    assert newest is not None
    assert newest.quality == "changed"


async def test_setting_what_was_lost_again_clears_it(bench: Bench, mains: Mains) -> None:
    lia = bench.device("lia")
    await lia.member_set("gain", 1000)
    await lia.member_set("v", 2)
    await after(lia, mains, mains.dip)
    await lia.member_set("gain", 1000)
    assert lia.changed == "lia lost its settings: v was 2 V, is 0 V."
    assert (await lia.member_get("i")).quality == "changed"
    await lia.member_set("v", 2)
    assert lia.changed == ""
    assert (await lia.member_get("i")).quality == "ok"


async def test_accepting_clears_it_and_is_told(bench: Bench, mains: Mains) -> None:
    lia, notices = bench.device("lia"), told(bench)
    await lia.member_set("gain", 1000)
    await after(lia, mains, mains.dip)
    lia.accept_changes(by="Ada")
    assert (lia.changed, (await lia.member_get("i")).quality) == ("", "ok")
    assert notices[-1].text.endswith("is 1. This was accepted by Ada.")
    await after(lia, mains, mains.drop)
    assert lia.changed == ""


async def test_reading_what_was_lost_settles_nothing(bench: Bench, mains: Mains) -> None:
    lia = bench.device("lia")
    await lia.member_set("gain", 1000)
    await after(lia, mains, mains.dip)
    assert (await lia.member_get("gain")).quality == "changed"
    await after(lia, mains, mains.drop)
    assert lia.changed == "lia lost its settings: gain was 1000, is 1."


async def test_somebody_at_the_front_panel_while_it_was_away_is_found(
    bench: Bench, mains: Mains
) -> None:
    """What was only read is compared, too."""

    def turned() -> None:
        mains.gain = 10.0
        mains.drop()

    lia = bench.device("lia")
    await after(lia, mains, turned)
    assert lia.changed == "lia lost its settings: gain was 1, is 10."


async def test_two_outages_name_what_it_was_before_the_first(bench: Bench, mains: Mains) -> None:
    lia, notices = bench.device("lia"), told(bench)
    await lia.member_set("gain", 1000)
    await after(lia, mains, mains.dip)
    mains.gain = 5.0
    await after(lia, mains, mains.drop)
    assert lia.changed == "lia lost its settings: gain was 1000, is 5."
    assert [notice.is_change for notice in notices] == [True, True]
    mains.gain = 1000.0
    await after(lia, mains, mains.drop)
    assert lia.changed == ""


async def test_a_line_that_breaks_without_an_outage_changes_nothing(
    bench: Bench, mains: Mains
) -> None:
    lia, notices = bench.device("lia"), told(bench)
    await lia.member_set("gain", 1000 / 3)
    await lia.member_set("v", 0.1)
    await after(lia, mains, mains.drop)
    assert (lia.message, notices) == ("", [])
    assert (await lia.member_get("i")).quality == "ok"


async def test_another_instrument_in_its_place_is_no_change_and_no_reading(mains: Mains) -> None:
    async with bench_of({"lia": (Lockin, mains.address)}) as bench:
        lia = bench.device("lia")
        await lia.member_set("gain", 1000)
        mains.identity = "ACME,LIA,2,1"
        mains.drop()
        await until(lambda: "another instrument" in lia.message)
        with pytest.raises(DeviceError):
            await lia.member_get("i")
        mains.identity = "ACME,LIA,1,1"
        mains.lose()
        await until(lambda: lia.is_online)
        assert lia.changed == "lia lost its settings: gain was 1000, is 1."


@pytest.mark.parametrize("taken", [True, False])
async def test_a_set_of_unknown_fate_is_read_back_and_told(
    bench: Bench, mains: Mains, taken: bool
) -> None:
    lia, notices = bench.device("lia"), told(bench)
    await lia.member_set("gain", 10)

    def cut(command: str) -> None:
        if command.startswith("G "):
            mains.drop()

    mains.on_command = cut
    mains.ignores = "-" if taken else "G "
    with pytest.raises(DeviceError):
        await lia.member_set("gain", 100)
    mains.on_command = lambda _: None
    await until(lambda: lia.is_online)
    words = "was carried out: it is 100" if taken else "was not carried out: it is 10"
    assert [(n.text, n.is_change) for n in notices] == [(f"lia: setting gain {words}.", False)]
    assert lia.message == ""
    assert mains.heard.count("G 100") == 1


async def test_an_outage_during_a_ramp_names_where_it_was(bench: Bench, mains: Mains) -> None:
    lia = bench.device("lia")
    ramp = asyncio.ensure_future(lia.member_set("level", 5))
    await until(lambda: mains.level >= 0.4)
    mains.dip()
    steps = len([each for each in mains.heard if each.startswith("L ")])
    with pytest.raises((DeviceError, RefusedError)):
        await ramp
    await until(lambda: lia.is_online)
    assert len([each for each in mains.heard if each.startswith("L ")]) <= steps + 1
    assert mains.level == 0.0
    assert lia.changed.startswith("lia lost its settings: level was ")
    assert lia.changed.endswith(", is 0 V.")


async def test_a_write_that_waited_through_an_outage_is_refused(bench: Bench, mains: Mains) -> None:
    """Nothing is switched on at an instrument that is not what whoever asks thinks; off may be."""
    lia = bench.device("lia")
    await lia.member_set("gain", 1000)
    await lia.member_set("v", 2)
    mains.lose()
    assert lia.link is not None
    lia.link.poison("the line broke")
    with pytest.raises(RefusedError, match=r"gain was 1000, is 1\. So nothing was written\.$"):
        await lia.member_set("v", 3)
    assert "V 3" not in mains.heard
    await lia.member_set("v", 3)
    assert "V 3" in mains.heard


async def test_what_an_e_stop_switched_off_is_no_change(bench: Bench, mains: Mains) -> None:
    lia = bench.device("lia")
    await lia.member_set("v", 2)
    await bench.estop("test", "Ada")
    await until(lambda: mains.v == 0.0)
    bench.latch.reset(by="Ada", confirmed=["lia"])
    await until(lambda: lia.is_online)
    assert lia.changed == ""


async def test_connecting_again_on_purpose_compares_as_well(bench: Bench, mains: Mains) -> None:
    lia = bench.device("lia")
    await lia.member_set("gain", 1000)
    await lia.disconnect()
    mains.gain = 1.0
    await lia.connect()
    assert lia.changed == "lia lost its settings: gain was 1000, is 1."


# ── confirming a set ──────────────────────────────────────────────────────────────────────


async def test_a_set_that_is_ignored_is_an_error_with_both_values(
    bench: Bench, mains: Mains
) -> None:
    lia = bench.device("lia")
    mains.ignores = "G "
    with pytest.raises(NotTakenError) as caught:
        await lia.member_set("gain", 1000)
    assert caught.value.message == "lia: gain was set to 1000, but reads back as 1."
    assert (caught.value.context["wanted"], caught.value.context["found"]) == (1000.0, 1.0)
    assert mains.heard.count("G 1000") == 1
    assert lia.is_online
    newest = lia.newest("gain")
    assert newest is not None
    assert newest.value == 1.0


async def test_two_sets_at_once_each_read_back_their_own(bench: Bench, mains: Mains) -> None:
    """Nobody speaks between a set and its read-back."""
    lia = bench.device("lia")
    await asyncio.gather(*(lia.member_set("gain", each) for each in range(2, 12)))
    words = [each for each in mains.heard if each.startswith("G")]
    pairs = list(zip(words[-20::2], words[-19::2], strict=True))
    assert all(one.startswith("G ") and other == "G?" for one, other in pairs)


async def test_a_ramp_reads_back_its_end_only(bench: Bench, mains: Mains) -> None:
    lia = bench.device("lia")
    mains.heard.clear()
    await lia.member_set("level", 0.5)
    assert mains.heard.count("L?") == 2  # where it begins, and where it ends
    assert len([each for each in mains.heard if each.startswith("L ")]) == 5
    mains.ignores = "L 1"
    with pytest.raises(NotTakenError, match="level was set to 1 V, but reads back as 900 mV"):
        await lia.member_set("level", 1.0)


@driver("test.words", title="Words", identify="", errors="ERR?", timeout_s=0.5)
class Words(Instrument):
    plain = control(float, "P?", "P {v:g}")
    both = control(float, "B?", "B {v:g}", confirm="both", tol=0.5)
    free = control(float, "F?", "F {v:g}", confirm="none", doc="It is read in another unit.")
    mode = setting(str, "M?", "M {v}", choices={"volts": "V", "ohms": "O"})
    ohms = measurement(float, "R?", requires={"mode": "ohms"})
    set_ohms = control(float, "S?", "S {v:g}", requires={"mode": ("ohms",)}, safe=0.0)


@pytest.fixture
async def words(gadget: Any) -> AsyncIterator[Device]:
    gadget.replies.update(
        {"ERR?": '0,"No error"', "P?": "1", "B?": "1", "F?": "1", "M?": "V", "R?": "5", "S?": "0"}
    )
    async with bench_of({"w": (Words, gadget.address)}) as bench:
        yield bench.device("w")


async def test_each_way_to_confirm(words: Device, gadget: Any) -> None:
    gadget.received.clear()
    await words.member_set("plain", 7)  # by the queue, which says nothing
    await words.member_set("free", 7)
    assert gadget.received == ["P 7", "ERR?", "F 7", "ERR?"]
    await words.member_set("both", 1.5)  # within its tolerance
    assert gadget.received[-3:] == ["B 1.5", "ERR?", "B?"]
    with pytest.raises(NotTakenError):
        await words.member_set("both", 1.6)
    gadget.replies["ERR?"] = '-222,"Data out of range"'
    gadget.received.clear()
    with pytest.raises(DeviceError, match="Data out of range"):
        await words.member_set("both", 1)
    assert "B?" not in gadget.received


def test_a_set_that_is_not_confirmed_says_why() -> None:
    with pytest.raises(TypeError, match="say why"):
        control(float, "F?", "F {v:g}", confirm="none")


# ── what must hold ────────────────────────────────────────────────────────────────────────


async def test_what_does_not_hold_is_told_and_refused_until_it_does(
    words: Device, gadget: Any
) -> None:
    assert words.message == "w: mode is volts, not ohms, as set_ohms must have it."
    with pytest.raises(RefusedError, match=r"^w: ohms is refused: mode is volts, not ohms\.$"):
        await words.member_get("ohms")
    with pytest.raises(RefusedError, match="mode is volts, not ohms"):
        await words.member_set("set_ohms", 2)
    assert not [each for each in gadget.received if each in ("R?", "S 2")]
    await words.member_set("set_ohms", 0)  # off is always allowed (S3a)
    gadget.replies["M?"] = "O"  # at the front panel: it is asked again before it is refused
    assert (await words.member_get("ohms")).value == 5
    assert words.message == ""


async def test_what_holds_is_not_asked_again(words: Device, gadget: Any) -> None:
    gadget.replies["M?"] = "O"
    await words.member_get("mode")
    gadget.received.clear()
    await words.member_get("ohms")
    assert gadget.received == ["R?"]

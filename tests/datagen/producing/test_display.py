from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from streamguard.datagen.producing.display import Display
from streamguard.datagen.producing.latencies import class_of
from streamguard.datagen.producing.progress import About, Position, Progress
from streamguard.datagen.producing.rates import Rates
from streamguard.datagen.producing.screen import clock_time, screen

ABOUT = About("bank → bank-transactions", "127.0.0.1:9092", {"bank-transactions": 4})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(
    seconds: float,
    acknowledged: int,
    *,
    waiting: int = 0,
    silent: float = 0.0,
    total: int | None = None,
    **more: object,
) -> Progress:
    sent = acknowledged + waiting
    return Progress(
        seconds,
        sent,
        acknowledged,
        waiting=waiting,
        silent=silent,
        positions={"transactions": Position(acknowledged, sent, total, round(seconds * 50) + 1)},
        **more,  # type: ignore[arg-type]
    )


def lines(*seen: Progress) -> list[str]:
    stream = io.StringIO()
    with Display(ABOUT, stream=stream) as display:
        for one in seen:
            display.show(one)
    return stream.getvalue().splitlines()


def shown(*seen: Progress, about: About = ABOUT, width: int = 80, height: int = 24, **options: bool) -> list[str]:
    rates = Rates()
    for one in seen:
        rates.add(one)
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, **options)  # type: ignore[arg-type]
    with console.capture() as capture:
        console.print(screen(about, rates, height, "Ctrl-C ends the run"))
    return capture.get().splitlines()


FULL = progress(
    30.0,
    1_500,
    waiting=3,
    total=3_000,
    counts={"fraudulent": 150, "unidentified": 300, "legitimate": 1050},
    faults={"late": 4, "duplicate": 2},
    beside={"bank-transactions-truth": 154},
    reasons={"Broker: Message size too large": 2},
    failed=2,
    size=1_700_000,
    recent=Counter({class_of(0.004): 90, class_of(0.05): 10}),
    partitions={("bank-transactions", number): 10 * number for number in range(4)},
)


def test_without_a_terminal_a_line_comes_every_five_seconds() -> None:
    said = lines(*(progress(tenth / 10, tenth * 5) for tenth in range(121)))
    assert said == [
        "bank-transactions: 250 records acknowledged, 50.0/s",
        "bank-transactions: 500 records acknowledged, 50.0/s",
    ]


def test_a_plain_line_says_how_long_is_left() -> None:
    (said,) = lines(progress(4.0, 200, total=1000), progress(5.0, 250, waiting=50, total=1000))
    assert said == "bank-transactions: 250 records acknowledged, 50.0/s, 50 on their way, 7 s left"


def test_silence_is_told_once_and_so_is_its_end() -> None:
    said = lines(
        progress(1.0, 10, waiting=5, silent=3.0),
        progress(1.3, 10, waiting=6, silent=3.3),
        progress(1.6, 16),
    )
    assert said == [
        "Kafka at 127.0.0.1:9092 does not answer: 5 records wait for it, none is dropped",
        "Kafka at 127.0.0.1:9092 answers again",
    ]


def test_on_a_terminal_a_screen_moves_and_is_gone_at_the_end() -> None:
    stream = Terminal()
    with Display(ABOUT, stream=stream) as display:
        display.show(progress(0.5, 25))
        display.show(progress(1.0, 50, waiting=3))
    text = stream.getvalue()
    assert "50 acknowledged · 3 on their way" in text
    assert text.endswith("\x1b[2K"), "the screen is cleared for what comes after it"


def test_a_screen_says_everything_there_is_to_say() -> None:
    text = "\n".join(shown(progress(29.0, 1_450, waiting=3, total=3_000), FULL, color_system=None))  # type: ignore[arg-type]
    for said in (
        "bank → bank-transactions",
        "1,500 acknowledged · 3 on their way · 2 failed",
        "50.0/s of 50.0/s",
        "p50 4.1 ms · p99 50 ms",
        "127.0.0.1:9092",
        "fraudulent 150 · unidentified 300 · legitimate 1,050",
        "late 4 · duplicate 2",
        "bank-transactions-truth 154",
        "2: Broker: Message size too large",
        "bank-transactions-3",
        "50%",
        "00:30 left",
        "Ctrl-C ends the run",
    ):
        assert said in text, f"{said!r} is not on\n{text}"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 16), (40, 12), (200, 50)])
@pytest.mark.parametrize("partitions", [1, 4, 400])
def test_a_screen_fits_its_terminal(width: int, height: int, partitions: int) -> None:
    about = About("a-rather-long-name → " + "topic" * 20, "k" * 60, {"topic" * 20: partitions}, workers=4)
    said = shown(FULL, about=about, width=width, height=height, no_color=True, color_system=None)  # type: ignore[arg-type]
    assert len(said) <= max(height, 16)
    assert max(map(len, said)) <= width


def test_without_colours_there_are_none() -> None:
    text = "\n".join(shown(FULL, no_color=True))
    assert not any(f"\x1b[{code}" in text for code in ("31", "32", "33", "34", "36", "1;31", "38"))


def test_a_silent_kafka_is_on_the_screen() -> None:
    text = "\n".join(shown(progress(10.0, 100, waiting=400, silent=7.0), color_system=None))  # type: ignore[arg-type]
    assert "silent for 7 s: 400 records wait for it, none is dropped" in text


def test_as_fast_as_possible_has_no_target() -> None:
    position = {"transactions": Position(10, 10, None, None)}
    text = "\n".join(shown(Progress(1.0, 10, 10, positions=position), color_system=None))  # type: ignore[arg-type]
    assert "as fast as possible" in text
    assert "until Ctrl-C" in text


def test_times_are_told_as_clocks_do() -> None:
    assert [clock_time(seconds) for seconds in (0.4, 61, 3_723)] == ["00:00", "01:01", "1:02:03"]

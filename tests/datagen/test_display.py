from __future__ import annotations

import io

from rich.console import Console

from streamguard.datagen.display import Display
from streamguard.datagen.publishing import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(seconds: float, acknowledged: int, *, waiting: int = 0, silent: float = 0.0) -> Progress:
    return Progress(seconds, acknowledged + waiting, acknowledged, 0, waiting, silent)


def lines(*seen: Progress) -> list[str]:
    stream = io.StringIO()
    with Display("bank-transactions", "127.0.0.1:9092", stream) as display:
        for one in seen:
            display.show(one)
    return stream.getvalue().splitlines()


def test_without_a_terminal_a_line_comes_every_five_seconds() -> None:
    said = lines(*(progress(tenth / 10, tenth * 5) for tenth in range(121)))
    assert said == [
        "bank-transactions: 250 records acknowledged, 50.0/s",
        "bank-transactions: 500 records acknowledged, 50.0/s",
    ]


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


def test_on_a_terminal_one_line_moves() -> None:
    stream = Terminal()
    with Display("bank-transactions", "127.0.0.1:9092", stream) as display:
        display.show(progress(0.5, 25))
        display.show(progress(1.0, 50, waiting=3))
    text = stream.getvalue()
    assert "50 records acknowledged, 50.0/s, 3 on their way" in text
    assert "\x1b[2K" in text, "the line is cleared before it is written again"
    assert Console(file=stream).is_terminal

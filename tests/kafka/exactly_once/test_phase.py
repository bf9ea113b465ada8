"""The phase file of a loop."""

from __future__ import annotations

from pathlib import Path

from streamguard.kafka.exactly_once.phase import Phase, PhaseFile, read_phase


def test_another_process_can_read_the_phase(tmp_path: Path) -> None:
    phase = PhaseFile(str(tmp_path / "phases"), "sg.bank.ingestor.0")
    assert read_phase(str(tmp_path / "phases"), "sg.bank.ingestor.0") is Phase.IDLE
    phase.set(Phase.IN_TRANSACTION)
    assert read_phase(str(tmp_path / "phases"), "sg.bank.ingestor.0") is Phase.IN_TRANSACTION


def test_without_a_folder_there_is_no_file(tmp_path: Path) -> None:
    phase = PhaseFile("", "sg.bank.ingestor.0")
    phase.set(Phase.COMMITTING)
    assert phase.now is Phase.COMMITTING
    assert read_phase(str(tmp_path), "sg.bank.ingestor.0") is None

"""What the flow graphs measure in samples, and how they end."""

import sys

import numpy

TICKS_PER_SECOND = 100_000_000


def amplitude(samples: numpy.ndarray, hz: float, rate: float) -> float:
    """Amplitude (full scale 1) of the component at `hz`."""
    turns = numpy.arange(len(samples)) * (hz / rate)
    return float(abs(numpy.mean(samples * numpy.exp(-2j * numpy.pi * turns))))


def tone(count: int, hz: float, rate: float, level: float) -> numpy.ndarray:
    """A tone that begins at phase 0."""
    return (level * numpy.exp(2j * numpy.pi * numpy.arange(count) * (hz / rate))).astype(numpy.complex64)


def steps(samples: numpy.ndarray, rate: float) -> numpy.ndarray:
    """Frequency at each sample, in Hz, over the 8 before and behind it."""
    turns = numpy.angle(samples[1:] * numpy.conj(samples[:-1])) / (2 * numpy.pi)
    return numpy.convolve(turns, numpy.ones(16) / 16, "same") * rate


def bursts(samples: numpy.ndarray, level: float, apart: int) -> list[tuple[int, int]]:
    """First and last sample of each run beyond `level`; runs that are less than `apart` samples apart are one."""
    loud = numpy.flatnonzero(numpy.abs(samples) > level)
    if len(loud) == 0:
        return []
    ends = numpy.flatnonzero(numpy.diff(loud) >= apart)
    firsts = numpy.concatenate(([loud[0]], loud[ends + 1]))
    lasts = numpy.concatenate((loud[ends], [loud[-1]]))
    return list(zip(firsts.tolist(), lasts.tolist()))


def near(what: str, value: float, wanted: float, tolerance: float) -> None:
    """Ends the program unless a value is as wanted."""
    if not abs(value - wanted) <= tolerance:
        sys.exit(f"{what}: {value}, not {wanted} (within {tolerance})")


def decibels(amplitude: float) -> float:
    """An amplitude against full scale."""
    return float(20 * numpy.log10(max(amplitude, 1e-12)))

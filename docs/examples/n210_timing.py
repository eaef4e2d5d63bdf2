#!/usr/bin/env python3
"""Measures with stock UHD what docs/hardware.md compares: n210_timing.py ADDRESS [first-stamp|loop-delay|burst-end]...

first-stamp   how many ticks after the time of a stream command its first time stamp is
loop-delay    from the time stamp of a sample to that of the same sample received, over a cable of 30 dB or more from transmitter to receiver
burst-end     how many samples of a burst of 200 come out, over the same cable

One line a rate; ticks are of 10 ns. Needs python3-uhd and python3-numpy.
"""

import argparse
import os

import numpy

# That odd rates have no half-band filters is known here.
os.environ.setdefault("UHD_LOG_LEVEL", "error")
import uhd  # noqa: E402

CLOCK = 100e6
DECIMATIONS = (4, 8, 10, 13, 16, 25, 52, 100)
# Until all registers are set and the filters are full, s.
SETTLED = 0.05
LEVEL = 0.3


class Radio:
    def __init__(self, address):
        self.usrp = uhd.usrp.MultiUSRP(f"addr={address},type=usrp2")
        self.usrp.set_time_now(uhd.types.TimeSpec(0.0))
        for tune in (self.usrp.set_rx_freq, self.usrp.set_tx_freq):
            tune(uhd.types.TuneRequest(0.0))

    def set_decimation(self, decimation):
        self.usrp.set_rx_rate(CLOCK / decimation)
        self.usrp.set_tx_rate(CLOCK / decimation)
        # Of a rate that UHD had to change nothing can be told.
        assert self.usrp.get_rx_rate() == self.usrp.get_tx_rate() == CLOCK / decimation, decimation
        arguments = uhd.usrp.StreamArgs("fc32", "sc16")
        self.receiver, self.transmitter = self.usrp.get_rx_stream(arguments), self.usrp.get_tx_stream(arguments)

    def soon(self):
        return self.usrp.get_time_now().to_ticks(CLOCK) + round(SETTLED * CLOCK)

    def start(self, tick, count):
        command = uhd.types.StreamCMD(uhd.types.StreamMode.num_done)
        command.num_samps, command.stream_now = count, False
        command.time_spec = uhd.types.TimeSpec.from_ticks(tick, CLOCK)
        self.receiver.issue_stream_cmd(command)

    def receive(self, count):
        """Tick of the first sample, and all of them."""
        metadata, heard, first = uhd.types.RXMetadata(), [], None
        buffer = numpy.zeros((1, self.receiver.get_max_num_samps()), dtype=numpy.complex64)
        while sum(map(len, heard)) < count:
            got = self.receiver.recv(buffer, metadata, 1.0)
            assert metadata.error_code == uhd.types.RXMetadataErrorCode.none, metadata.strerror()
            first = metadata.time_spec.to_ticks(CLOCK) if first is None else first
            heard.append(buffer[0][:got].copy())
        return first, numpy.concatenate(heard)

    def transmit(self, tick, samples):
        metadata = uhd.types.TXMetadata()
        metadata.start_of_burst = metadata.end_of_burst = metadata.has_time_spec = True
        metadata.time_spec = uhd.types.TimeSpec.from_ticks(tick, CLOCK)
        assert self.transmitter.send(samples.reshape(1, -1).astype(numpy.complex64), metadata, 1.0) == len(samples)

    def burst(self, decimation, samples, room):
        """A burst at sample `room` of what is received: ticks from the first sample's stamp to the burst, and what is received."""
        self.set_decimation(decimation)
        begin = self.soon()
        count = len(samples) + 2 * room
        self.start(begin, count)
        self.transmit(begin + room * decimation, samples)
        first, heard = self.receive(count)
        return begin + room * decimation - first, heard


def first_stamp(radio):
    for decimation in DECIMATIONS:
        radio.set_decimation(decimation)
        asked = radio.soon()
        radio.start(asked, 500)
        first, _ = radio.receive(500)
        print(f"first-stamp: decimation {decimation}: {first - asked} ticks", flush=True)


def loop_delay(radio):
    """The slope of the phase of what came over what was sent: both chains are of linear phase."""
    rng = numpy.random.default_rng(1)
    for decimation in DECIMATIONS:
        room = 400
        # A quarter of the band: where the chains of every rate are flat enough.
        bins = 1024
        spectrum = numpy.zeros(bins, dtype=complex)
        used = numpy.r_[1 : bins // 8, bins - bins // 8 : bins]
        spectrum[used] = numpy.exp(2j * numpy.pi * rng.random(len(used)))
        period = numpy.fft.ifft(spectrum)
        period *= LEVEL / numpy.abs(period).max()
        # The same four times: within the third, the filters have settled.
        ahead, heard = radio.burst(decimation, numpy.tile(period, 4), room)
        at = round(ahead / decimation) + 2 * bins
        got = numpy.fft.fft(heard[at : at + bins])[used]
        frequency = numpy.fft.fftfreq(bins)[used]
        sent = numpy.fft.fft(period)[used]
        ratio = got / sent
        # Whole samples first, by the correlation's peak, then the rest by the slope of the phase.
        whole = numpy.zeros(bins, dtype=complex)
        whole[used] = ratio
        samples = int(numpy.argmax(numpy.abs(numpy.fft.ifft(whole))))
        samples -= bins if samples > bins // 2 else 0
        rest = ratio * numpy.exp(2j * numpy.pi * frequency * samples)
        phase = numpy.angle(rest / rest.sum() * abs(rest.sum()))
        slope = numpy.polyfit(frequency, phase, 1, w=numpy.abs(ratio))[0]
        delay = (samples - slope / (2 * numpy.pi)) * decimation + at * decimation - ahead - 2 * bins * decimation
        level = 20 * numpy.log10(numpy.abs(ratio).mean())
        print(f"loop-delay: decimation {decimation}: {delay:.1f} ticks, {level:.1f} dB", flush=True)


def burst_end(radio):
    for decimation in DECIMATIONS:
        # Zeros first: the filters keep the end of the burst before, and send it with the next.
        radio.burst(decimation, numpy.zeros(60), 400)
        _, heard = radio.burst(decimation, numpy.full(200, LEVEL), 400)
        _, whole = radio.burst(decimation, numpy.full(600, LEVEL), 400)
        # Full level is the middle of a long burst.
        level = numpy.median(numpy.abs(whole[500:900]))
        print(f"burst-end: decimation {decimation}: {numpy.abs(heard.sum()) / level:.1f} of 200 samples", flush=True)


CHECKS = {"first-stamp": first_stamp, "loop-delay": loop_delay, "burst-end": burst_end}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of the radio, as 192.168.10.2")
    parser.add_argument("check", nargs="*", default=list(CHECKS), help="which; all of them without")
    asked = parser.parse_args()
    unknown = [name for name in asked.check if name not in CHECKS]
    if unknown:
        parser.error(f"there is no check {unknown[0]!r}: it is one of {', '.join(CHECKS)}")
    radio = Radio(asked.address)
    for name in asked.check:
        CHECKS[name](radio)


if __name__ == "__main__":
    main()

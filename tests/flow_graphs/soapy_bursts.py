"""SoapySDR: bursts leave at their times and in their lengths, and every one is acknowledged; a late one is said to be late.

Wants a radio with a cable of -10 dB from its transmitter to its receiver.
"""

import sys

import numpy
import SoapySDR
from SoapySDR import SOAPY_SDR_CF32, SOAPY_SDR_END_BURST, SOAPY_SDR_HAS_TIME, SOAPY_SDR_RX, SOAPY_SDR_TIME_ERROR, SOAPY_SDR_TX

from measure import bursts, near, tone

RATE = 500e3
LENGTHS = [500, 2000, 363, 5000, 1000]
EVERY = 20_000
SECOND_NS = 1_000_000_000
# Both chains' filters, in samples.
LONGEST_DELAY = 40
# What the filters make of a burst's end, in samples.
EDGE = 24
# Zeros that bring a burst out of the radio's filters: without them its end comes out before the next one.
TAIL = 28

device = SoapySDR.Device(dict(driver="uhd", type="usrp2", addr=sys.argv[1]))
for direction in (SOAPY_SDR_RX, SOAPY_SDR_TX):
    device.setSampleRate(direction, 0, RATE)
    device.setFrequency(direction, 0, 10e6)
receiver = device.setupStream(SOAPY_SDR_RX, SOAPY_SDR_CF32, [0])
sender = device.setupStream(SOAPY_SDR_TX, SOAPY_SDR_CF32, [0])
device.activateStream(sender)


def send(length: int, at_ns: int) -> None:
    wave, sent = numpy.concatenate([tone(length, 0.0, RATE, 0.5), numpy.zeros(TAIL, numpy.complex64)]), 0
    while sent < len(wave):
        flags = SOAPY_SDR_END_BURST | (SOAPY_SDR_HAS_TIME if sent == 0 else 0)
        done = device.writeStream(sender, [wave[sent:]], len(wave) - sent, flags, at_ns, 1_000_000)
        assert done.ret > 0, done
        sent += done.ret


start_ns = device.getHardwareTime() + 2 * SECOND_NS
for number, length in enumerate(LENGTHS):
    send(length, start_ns + round(number * EVERY / RATE * SECOND_NS))
device.activateStream(receiver, SOAPY_SDR_HAS_TIME, start_ns)
heard, first_ns = numpy.zeros(EVERY * len(LENGTHS), numpy.complex64), None
filled = 0
while filled < len(heard):
    got = device.readStream(receiver, [heard[filled:]], len(heard) - filled, timeoutUs=5_000_000)
    assert got.ret > 0, SoapySDR.errToStr(got.ret)
    first_ns = got.timeNs if first_ns is None else first_ns
    filled += got.ret

found = bursts(heard, 0.05, apart=2_000)
assert len(found) == len(LENGTHS), found
origin = (start_ns - first_ns) * RATE / SECOND_NS
for number, (length, (first, last)) in enumerate(zip(LENGTHS, found)):
    near(f"delay of burst {number} in samples", first - origin - number * EVERY, LONGEST_DELAY / 2, LONGEST_DELAY / 2)
    near(f"length of burst {number}", last - first + 1, length, EDGE)
    # What the filters kept of the burst before comes out in front of it.
    near(f"burst {number} after the first", first - found[0][0], number * EVERY, EDGE)
for number in range(len(LENGTHS)):
    status = device.readStreamStatus(sender, timeoutUs=5_000_000)
    assert status.ret == 0 and status.flags & SOAPY_SDR_END_BURST, f"burst {number}: {SoapySDR.errToStr(status.ret)}"
send(100, device.getHardwareTime() - SECOND_NS // 10)
late = device.readStreamStatus(sender, timeoutUs=5_000_000)
assert late.ret == SOAPY_SDR_TIME_ERROR, f"a late burst: {SoapySDR.errToStr(late.ret)}"
device.closeStream(receiver)
device.closeStream(sender)
print("bursts done")

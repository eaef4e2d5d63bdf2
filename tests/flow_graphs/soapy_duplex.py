"""SoapySDR: a tone goes out and comes in at once; the receiver is tuned away at a time while it streams, and back.

Wants a radio with a cable of -10 dB from its transmitter to its receiver.
"""

import sys

import numpy
import SoapySDR
from SoapySDR import SOAPY_SDR_CF32, SOAPY_SDR_END_BURST, SOAPY_SDR_HAS_TIME, SOAPY_SDR_RX, SOAPY_SDR_TX

from measure import amplitude, decibels, near, steps, tone

RATE = 500e3
CENTRE = 10e6
OFFSET = 100e3
MOVED = 60e3
LEVEL = 0.3
EXPECTED_DB = decibels(LEVEL) - 10.0
# All of it fits in the radio's queue before it begins.
BLOCK = 20_000
BLOCKS = 12
SECOND_NS = 1_000_000_000
BLOCK_NS = round(BLOCK / RATE * SECOND_NS)
TUNED_AWAY, TUNED_BACK = 4, 8
# A tune acts on the packet that is being received, and the filters delay what it does.
PACKET = 363 + 40

device = SoapySDR.Device(dict(driver="uhd", type="usrp2", addr=sys.argv[1]))
for direction in (SOAPY_SDR_RX, SOAPY_SDR_TX):
    device.setSampleRate(direction, 0, RATE)
    near("sample rate", device.getSampleRate(direction, 0), RATE, 1e-3)
    device.setFrequency(direction, 0, CENTRE)
receiver = device.setupStream(SOAPY_SDR_RX, SOAPY_SDR_CF32, [0])
sender = device.setupStream(SOAPY_SDR_TX, SOAPY_SDR_CF32, [0])
device.activateStream(sender)
start_ns = device.getHardwareTime() + 2 * SECOND_NS

wave, sent = tone(BLOCK * BLOCKS, OFFSET, RATE, LEVEL), 0
while sent < len(wave):
    flags = SOAPY_SDR_END_BURST | (SOAPY_SDR_HAS_TIME if sent == 0 else 0)
    done = device.writeStream(sender, [wave[sent:]], len(wave) - sent, flags, start_ns, 1_000_000)
    assert done.ret > 0, SoapySDR.errToStr(done.ret)
    sent += done.ret
device.activateStream(receiver, SOAPY_SDR_HAS_TIME, start_ns)
for block, hertz in ((TUNED_AWAY, CENTRE + MOVED), (TUNED_BACK, CENTRE)):
    device.setHardwareTime(start_ns + block * BLOCK_NS, "CMD")
    device.setFrequency(SOAPY_SDR_RX, 0, hertz)
device.setHardwareTime(0, "CMD")

heard, filled, first_ns = numpy.zeros(len(wave), numpy.complex64), 0, 0
while filled < len(heard):
    got = device.readStream(receiver, [heard[filled:]], len(heard) - filled, timeoutUs=5_000_000)
    assert got.ret > 0, SoapySDR.errToStr(got.ret)
    assert got.flags & SOAPY_SDR_HAS_TIME
    first_ns = first_ns or got.timeNs
    near("time stamp in ns", got.timeNs, first_ns + round(filled / RATE * SECOND_NS), 10)
    filled += got.ret

for block in range(1, BLOCKS - 1):
    if block in (TUNED_AWAY, TUNED_BACK):
        continue
    offset = OFFSET - MOVED if TUNED_AWAY < block < TUNED_BACK else OFFSET
    level = decibels(amplitude(heard[block * BLOCK : (block + 1) * BLOCK], offset, RATE))
    near(f"tone in block {block}, dB", level, EXPECTED_DB, 0.5)
hertz = steps(heard, RATE)
late = (first_ns - start_ns) * RATE / SECOND_NS
for block, up in ((TUNED_AWAY, False), (TUNED_BACK, True)):
    turn = hertz[(block - 1) * BLOCK : (block + 1) * BLOCK] > OFFSET - MOVED / 2
    at = int(numpy.argmax(turn if up else ~turn)) + (block - 1) * BLOCK
    near(f"sample of the tune in block {block}", at + late, block * BLOCK, PACKET)

ended = device.readStreamStatus(sender, timeoutUs=5_000_000)
assert ended.ret == 0 and ended.flags & SOAPY_SDR_END_BURST, f"transmission: {SoapySDR.errToStr(ended.ret)} {ended.flags}"
device.deactivateStream(receiver)
device.closeStream(receiver)
device.closeStream(sender)
print("duplex done")

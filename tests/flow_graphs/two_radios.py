"""One multi_usrp of two radios: their clocks are set by the PPS that they share, and what both hear is aligned to the sample.

Wants radios at two addresses, and equal paths from the second one's transmitter to both receivers.
"""

import sys

import numpy
import uhd

from measure import TICKS_PER_SECOND, bursts, near

RATE = 500e3
SAMPLES = 50_000
BURST_AT = 10_000
BURST = 3_000

usrp = uhd.usrp.MultiUSRP(f"type=usrp2,addr0={sys.argv[1]},addr1={sys.argv[2]}")
assert usrp.get_num_mboards() == 2 and usrp.get_rx_num_channels() == 2, "two radios with one receiver each"
serials = [usrp.get_usrp_rx_info(channel)["mboard_serial"] for channel in (0, 1)]
assert serials[0] != serials[1], serials
usrp.set_rx_rate(RATE)
usrp.set_tx_rate(RATE)
for channel in (0, 1):
    usrp.set_rx_freq(uhd.types.TuneRequest(10e6), channel)
    usrp.set_tx_freq(uhd.types.TuneRequest(10e6), channel)
usrp.set_time_unknown_pps(uhd.types.TimeSpec(0.0))
assert usrp.get_time_synchronized(), "the clocks are not one"
pulses = [usrp.get_time_last_pps(board).to_ticks(TICKS_PER_SECOND) for board in (0, 1)]
assert pulses[0] == pulses[1] and pulses[0] % TICKS_PER_SECOND == 0, pulses

receive = uhd.usrp.StreamArgs("fc32", "sc16")
receive.channels = [0, 1]
receiver = usrp.get_rx_stream(receive)
transmit = uhd.usrp.StreamArgs("fc32", "sc16")
transmit.channels = [1]
sender = usrp.get_tx_stream(transmit)
start = round((usrp.get_time_now().get_real_secs() + 2.0) * RATE) / RATE
metadata = uhd.types.TXMetadata()
metadata.start_of_burst = metadata.end_of_burst = metadata.has_time_spec = True
metadata.time_spec = uhd.types.TimeSpec(start + BURST_AT / RATE)
assert sender.send(numpy.full((1, BURST), 0.5, numpy.complex64), metadata) == BURST
command = uhd.types.StreamCMD(uhd.types.StreamMode.num_done)
command.num_samps = SAMPLES
command.stream_now = False
command.time_spec = uhd.types.TimeSpec(start)
receiver.issue_stream_cmd(command)
block, heard = numpy.zeros((2, receiver.get_max_num_samps()), numpy.complex64), []
metadata = uhd.types.RXMetadata()
while sum(part.shape[1] for part in heard) < SAMPLES:
    # A stream that is not aligned ends here: UHD joins packets of one time.
    count = receiver.recv(block, metadata, 5.0)
    assert metadata.error_code == uhd.types.RXMetadataErrorCode.none, metadata.strerror()
    heard.append(block[:, :count].copy())
heard = numpy.concatenate(heard, axis=1)
found = [bursts(channel, 0.02, apart=2_000) for channel in heard]
assert [len(channel) for channel in found] == [1, 1], found
# Noise moves an edge by a sample at most.
near("first sample of the burst, between the two", found[0][0][0], found[1][0][0], 1)
near("length of the burst", found[0][0][1] - found[0][0][0] + 1, BURST, 24)
inside = slice(found[0][0][0] + 200, found[0][0][1] - 200)
# The same ray, and noise of its own at each receiver.
ratio = numpy.mean(heard[0][inside]) / numpy.mean(heard[1][inside])
near("level of one against the other", abs(ratio), 1.0, 0.01)
assert not numpy.array_equal(heard[0], heard[1]), "two receivers with one noise"
print("two radios done")

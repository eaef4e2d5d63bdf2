"""Receives, transmits and asks for the time with Debian's python3-uhd; any surprise is an exception."""

import sys

import numpy
import uhd

RATE = 1e6
SAMPLES = 50_000

usrp = uhd.usrp.MultiUSRP(sys.argv[1])
assert usrp.get_mboard_name() == "N210r4", usrp.get_mboard_name()
usrp.set_rx_rate(RATE)
usrp.set_tx_rate(RATE)
usrp.set_rx_freq(uhd.types.TuneRequest(10e6))
usrp.set_tx_freq(uhd.types.TuneRequest(10e6))
usrp.set_time_now(uhd.types.TimeSpec(0.0))

arguments = uhd.usrp.StreamArgs("fc32", "sc16")
receiver = usrp.get_rx_stream(arguments)
command = uhd.types.StreamCMD(uhd.types.StreamMode.num_done)
command.num_samps = SAMPLES
command.stream_now = False
start = usrp.get_time_now().get_real_secs() + 0.2
command.time_spec = uhd.types.TimeSpec(round(start * 1e6) / 1e6)
# The first sample is complete 122 ticks after the start, as on the device.
start = command.time_spec.to_ticks(100e6) + 122
receiver.issue_stream_cmd(command)

metadata = uhd.types.RXMetadata()
buffer = numpy.zeros((1, receiver.get_max_num_samps()), dtype=numpy.complex64)
heard = []
while sum(map(len, heard)) < SAMPLES:
    count = receiver.recv(buffer, metadata, 5.0)
    assert metadata.error_code == uhd.types.RXMetadataErrorCode.none, metadata.strerror()
    assert metadata.has_time_spec
    ticks = metadata.time_spec.to_ticks(100e6)
    assert ticks == start + sum(map(len, heard)) * 100, (ticks, start)
    heard.append(buffer[0][:count].copy())
heard = numpy.concatenate(heard)
assert len(heard) == SAMPLES and metadata.end_of_burst
noise = 10 * numpy.log10(numpy.mean(numpy.abs(heard) ** 2))
assert abs(noise + 40) < 1, noise

sender = usrp.get_tx_stream(arguments)
metadata = uhd.types.TXMetadata()
metadata.start_of_burst = True
metadata.has_time_spec = True
metadata.time_spec = uhd.types.TimeSpec(usrp.get_time_now().get_real_secs() + 0.3)
burst = numpy.full((1, SAMPLES), 0.3, dtype=numpy.complex64)
assert sender.send(burst, metadata, 5.0) == SAMPLES
metadata.start_of_burst = metadata.has_time_spec = False
metadata.end_of_burst = True
sender.send(numpy.zeros((1, 0), dtype=numpy.complex64), metadata)
event = uhd.types.TXAsyncMetadata()
assert sender.recv_async_msg(event, 5.0)
assert event.event_code == uhd.types.TXMetadataEventCode.burst_ack, event.event_code
print("python done")

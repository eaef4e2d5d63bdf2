"""GNU Radio: one source of two radios, their clocks set by the PPS that they share.

Wants radios at two addresses, and equal paths from the second one's transmitter to both receivers.
"""

import sys

import numpy
from gnuradio import blocks, gr, uhd

from measure import amplitude, near, tone
from tags import seconds, tagged, whole_burst

RATE = 500e3
SAMPLES = 200_000
OFFSET = 50e3
EDGE = 2_000

# The same words, so that UHD makes one device of both.
device = f"type=usrp2,addr0={sys.argv[1]},addr1={sys.argv[2]}"
source = uhd.usrp_source(device, uhd.stream_args("fc32", "sc16", channels=[0, 1]))
sink = uhd.usrp_sink(device, uhd.stream_args("fc32", "sc16", channels=[1]))
source.set_samp_rate(RATE)
sink.set_samp_rate(RATE)
sink.set_center_freq(10e6)
for channel in (0, 1):
    source.set_center_freq(10e6, channel)
source.set_time_unknown_pps(uhd.time_spec(0.0))
start = round(source.get_time_now().get_real_secs() + 5.0, 3)
source.set_start_time(uhd.time_spec(start))
frame = whole_burst(SAMPLES, start)
graph = gr.top_block()
graph.connect(blocks.vector_source_c(tone(SAMPLES, OFFSET, RATE, 0.3).tolist(), False, 1, frame), sink)
heard = [blocks.vector_sink_c(), blocks.vector_sink_c()]
for channel, vector in enumerate(heard):
    graph.connect((source, channel), blocks.head(gr.sizeof_gr_complex, SAMPLES), vector)
graph.run()

times = [seconds(tagged(vector, "rx_time")[0][1]) for vector in heard]
assert times[0] == times[1], times
samples = [numpy.array(vector.data(), numpy.complex64)[EDGE:-EDGE] for vector in heard]
near("level of one against the other", amplitude(samples[0], OFFSET, RATE) / amplitude(samples[1], OFFSET, RATE), 1.0, 0.02)
# One carrier, one sample clock: a shift by a sample would turn the phase by 36 degrees.
turn = numpy.angle(numpy.mean(samples[0] * numpy.conj(samples[1])), deg=True)
near("phase of one against the other, degrees", float(turn), 0.0, 1.0)
print("two radios done")

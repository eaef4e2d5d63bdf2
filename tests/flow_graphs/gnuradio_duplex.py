"""GNU Radio: a tone through a sink and a source of one radio at once; stream tags tell the time and what the receiver is tuned to.

Wants a radio with a cable of -10 dB from its transmitter to its receiver.
"""

import sys

import numpy
from gnuradio import blocks, gr

from measure import TICKS_PER_SECOND, amplitude, decibels, near
from radio import open_radio
from tags import seconds, tagged, whole_burst

RATE = 500e3
CENTRE = 10e6
OFFSET = 100e3
MOVED = 60e3
LEVEL = 0.3
EXPECTED_DB = decibels(LEVEL) - 10.0
SAMPLES = 400_000
RETUNED_AFTER = 150_000
SETTLED = 50_000
PACKET = 363

source, sink, start = open_radio(sys.argv[1], RATE, CENTRE)
wave = numpy.exp(2j * numpy.pi * numpy.arange(SAMPLES) * (OFFSET / RATE)) * LEVEL
frame = whole_burst(SAMPLES, start)
graph = gr.top_block()
graph.connect(blocks.vector_source_c(wave.tolist(), False, 1, frame), sink)
heard = blocks.vector_sink_c()
graph.connect(source, blocks.head(gr.sizeof_gr_complex, SAMPLES), heard)
graph.start()
while source.get_time_now().get_real_secs() < start + RETUNED_AFTER / RATE:
    pass
source.set_center_freq(CENTRE + MOVED)
graph.wait()

samples = numpy.array(heard.data(), numpy.complex64)
assert len(samples) == SAMPLES, len(samples)
[(first, rx_time), *later] = tagged(heard, "rx_time")
assert first == 0, first
# The first sample comes behind the time asked for by what the receive chain takes, less than two samples and what is fixed.
near("first time stamp after the start, ticks", (seconds(rx_time) - start) * TICKS_PER_SECOND, 200, 300)
for offset, value in later:
    near(f"time tag at {offset}, samples from the first", (seconds(value) - seconds(rx_time)) * RATE, offset, 0.01)
near("tagged rate", tagged(heard, "rx_rate")[0][1], RATE, 1e-3)
[(_, before), *others] = tagged(heard, "rx_freq")
near("tagged frequency", before, CENTRE, 1.0)
turn, after = others[-1]
near("tagged frequency after the retune", after, CENTRE + MOVED, 1.0)
# Between the packet that was being received and what is looked at below.
near("sample of the tag of the retune", turn, (RETUNED_AFTER - PACKET + SAMPLES - SETTLED) / 2, (SAMPLES - SETTLED - RETUNED_AFTER + PACKET) / 2)
level = decibels(amplitude(samples[SETTLED : RETUNED_AFTER - 2 * PACKET], OFFSET, RATE))
near("tone before the retune, dB", level, EXPECTED_DB, 0.5)
level = decibels(amplitude(samples[-SETTLED + 1_000 : -1_000], OFFSET - MOVED, RATE))
near("tone after the retune, dB", level, EXPECTED_DB, 0.5)
print("duplex done")

"""GNU Radio: a receiver that is tuned at a time, to the packet, under a carrier.

Wants a radio with a cable of -10 dB from its transmitter to its receiver.
"""

import sys

import numpy
from gnuradio import blocks, gr, uhd

from measure import near, steps
from radio import open_radio
from tags import seconds, tagged, whole_burst

RATE = 500e3
CENTRE = 10e6
MOVED = 100e3
SAMPLES = 250_000
TUNED_AFTER = 200_000
# A tune acts on the packet that is being received, and the filters delay what it does.
PACKET = 363 + 40

source, sink, start = open_radio(sys.argv[1], RATE, CENTRE)
frame = whole_burst(SAMPLES, start)
graph = gr.top_block()
graph.connect(blocks.vector_source_c([0.3] * SAMPLES, False, 1, frame), sink)
heard = blocks.vector_sink_c()
graph.connect(source, blocks.head(gr.sizeof_gr_complex, SAMPLES), heard)
graph.start()
# Commands wait for one another: the one that starts the stream comes first.
while source.get_time_now().get_real_secs() < start:
    pass
source.set_command_time(uhd.time_spec(start + TUNED_AFTER / RATE))
source.set_center_freq(CENTRE - MOVED)
source.clear_command_time()
graph.wait()

samples = numpy.array(heard.data(), numpy.complex64)
late = (seconds(tagged(heard, "rx_time")[0][1]) - start) * RATE
hertz = steps(samples, RATE)
near("offset before the tune, Hz", float(numpy.mean(hertz[10_000 : TUNED_AFTER - 1_000])), 0.0, 300.0)
near("offset after the tune, Hz", float(numpy.mean(hertz[TUNED_AFTER + 1_000 : -1_000])), MOVED, 300.0)
turned = int(numpy.argmax(hertz[10_000:] > MOVED / 2)) + 10_000
near("sample of the tune", turned + late, TUNED_AFTER, PACKET)
print("timed tune done")

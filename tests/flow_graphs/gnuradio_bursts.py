"""GNU Radio: tags tx_sob, tx_time and tx_eob make bursts, which the radio sends at those times.

Wants a radio with a cable of -10 dB from its transmitter to its receiver.
"""

import sys

import numpy
from gnuradio import blocks, gr

from measure import bursts, near
from radio import open_radio
from tags import moment, seconds, tag, tagged

RATE = 500e3
LENGTHS = [400, 3_000, 1_000]
EVERY = 50_000
SAMPLES = EVERY * (len(LENGTHS) + 1)
# Both chains' filters, and what they make of an end, in samples.
LONGEST_DELAY = 40
EDGE = 24

source, sink, start = open_radio(sys.argv[1], RATE, 10e6)
frames, offset = [], 0
for number, length in enumerate(LENGTHS):
    frames.append(tag(offset, "tx_sob", True))
    frames.append(tag(offset, "tx_time", moment(start + (number + 1) * EVERY / RATE)))
    frames.append(tag(offset + length - 1, "tx_eob", True))
    offset += length
graph = gr.top_block()
graph.connect(blocks.vector_source_c([0.5] * sum(LENGTHS), False, 1, frames), sink)
heard = blocks.vector_sink_c()
graph.connect(source, blocks.head(gr.sizeof_gr_complex, SAMPLES), heard)
graph.run()

samples = numpy.array(heard.data(), numpy.complex64)
assert len(samples) == SAMPLES, len(samples)
late = (seconds(tagged(heard, "rx_time")[0][1]) - start) * RATE
found = bursts(samples, 0.05, apart=2_000)
assert len(found) == len(LENGTHS), found
for number, (length, (begin, end)) in enumerate(zip(LENGTHS, found)):
    near(f"delay of burst {number} in samples", begin + late - (number + 1) * EVERY, LONGEST_DELAY / 2, LONGEST_DELAY / 2)
    near(f"length of burst {number}", end - begin + 1, length, EDGE)
    # What the filters kept of the burst before comes out in front of it.
    near(f"burst {number} after the first", begin - found[0][0], number * EVERY, EDGE)
print("bursts done")

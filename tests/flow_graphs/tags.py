"""Stream tags of GNU Radio as values of Python."""

import pmt
from gnuradio import gr


def tag(offset: int, key: str, value: object) -> gr.tag_t:
    """A tag for a source's stream; `value` is a bool or what `moment` makes."""
    made = gr.tag_t()
    made.offset, made.key = offset, pmt.intern(key)
    made.value = pmt.from_bool(value) if isinstance(value, bool) else value
    return made


def moment(time: float) -> object:
    """A device time in seconds, as tx_time has it."""
    return pmt.make_tuple(pmt.from_uint64(int(time)), pmt.from_double(time - int(time)))


def whole_burst(samples: int, start: float) -> list[gr.tag_t]:
    """Tags of one burst of so many samples that begins at a device time, s."""
    return [tag(0, "tx_sob", True), tag(0, "tx_time", moment(start)), tag(samples - 1, "tx_eob", True)]


def seconds(value: object) -> float:
    """A device time as rx_time has it, in seconds."""
    return pmt.to_uint64(pmt.tuple_ref(value, 0)) + pmt.to_double(pmt.tuple_ref(value, 1))


def tagged(sink, key: str) -> list[tuple[int, object]]:
    """Offsets and values of a key's tags at a vector sink, in order; a time stays as it is."""
    found = [(tag.offset, tag.value) for tag in sink.tags() if pmt.symbol_to_string(tag.key) == key]
    return [(offset, pmt.to_double(value) if pmt.is_number(value) else value) for offset, value in sorted(found, key=lambda tag: tag[0])]

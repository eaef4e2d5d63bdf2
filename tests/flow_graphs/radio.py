"""One radio for GNU Radio's flow graphs."""

from gnuradio import uhd


def open_radio(address: str, rate: float, centre: float):
    """Source and sink of the radio at one frequency, and the device time, s, at which the source starts: late enough for a flow graph."""
    arguments = uhd.stream_args("fc32", "sc16", channels=[0])
    source, sink = (make(f"type=usrp2,addr={address}", arguments) for make in (uhd.usrp_source, uhd.usrp_sink))
    for block in (source, sink):
        block.set_samp_rate(rate)
        block.set_center_freq(centre)
    start = round(source.get_time_now().get_real_secs() + 5.0, 3)
    source.set_start_time(uhd.time_spec(start))
    return source, sink, start

"""Two ranks pass a sum to and fro, 100 times a second, and check it: a message that is lost or comes twice ends the job.

    mpirun ... -np 2 /usr/bin/python3 ranks.py SECONDS
"""

import sys
import time

from mpi4py import MPI

world = MPI.COMM_WORLD
other = 1 - world.rank
end = time.monotonic() + float(sys.argv[1])
total, n, longest = 0, 0, 0.0
while True:
    if world.rank == 0:
        last = time.monotonic() > end
        begun = time.monotonic()
        world.send((n, last), dest=other)
        total = world.recv(source=other)
        longest = max(longest, time.monotonic() - begun)
        assert total == n * (n + 1) // 2, f"the sum after {n} is {total}"
        if last:
            print(f"{n + 1} messages there and back, sum right, longest wait {1000 * longest:.0f} ms", flush=True)
            break
        n += 1
        time.sleep(0.01)
    else:
        value, last = world.recv(source=other)
        total += value
        world.send(total, dest=other)
        if last:
            break

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Python: threads, processes, signals, memory maps, sockets, C libraries.
. "$APPS/lib.sh"

cat >script.py <<'EOF'
import collections, ctypes, decimal, hashlib, json, mmap, os, queue, re, select, signal
import socket, struct, subprocess, sys, tempfile, threading, time, zlib

def show(*words):
    print(*words, flush=True)

show("== computing")
data = json.loads(json.dumps({str(i): [i, i * 0.5, "x" * (i % 7)] for i in range(800)}))
show(len(data), hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest())
decimal.getcontext().prec = 60
show(decimal.Decimal(2).sqrt())
show(pow(3, 5000, 10**40 + 7), sum(1 for i in range(2, 3000) if all(i % j for j in range(2, int(i**.5) + 1))))
blob = bytes(range(256)) * 400
show(len(zlib.compress(blob)), zlib.crc32(blob), zlib.decompress(zlib.compress(blob)) == blob)
show(collections.Counter(re.findall(r"\b\w", "the quick brown fox took the tea " * 50)).most_common(3))
def gen(n):
    for i in range(n):
        yield i * i
show(sum(gen(20000)))
try:
    def deep(n): return deep(n + 1)
    deep(0)
except RecursionError as e:
    show(type(e).__name__)

show("== threads")
jobs, done = queue.Queue(), []
lock, event = threading.Lock(), threading.Event()
def worker():
    while (job := jobs.get()) is not None:
        with lock:
            done.append(job * job)
    event.wait()
threads = [threading.Thread(target=worker) for _ in range(4)]
for t in threads: t.start()
for i in range(500): jobs.put(i)
for t in threads: jobs.put(None)
event.set()
for t in threads: t.join()
show(len(done), sum(done), threading.active_count())

show("== signals")
got = []
signal.signal(signal.SIGUSR1, lambda n, f: got.append(n))
for i in range(100): os.kill(os.getpid(), signal.SIGUSR1)
show(len(got), set(got))
class Alarm(Exception): pass
def on_alarm(n, f): raise Alarm
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.1)
def spin():
    n = 0
    while True: n += 1
try:
    spin()
except Alarm:
    show("alarm in a loop")
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    time.sleep(100)
except Alarm:
    show("alarm in a call")
signal.signal(signal.SIGALRM, lambda n, f: got.append(n))
r, w = os.pipe()
signal.setitimer(signal.ITIMER_REAL, 0.05)
threading.Timer(0.4, os.write, (w, b"late")).start()
show(os.read(r, 10), got[-1] == signal.SIGALRM)
# What is left of that thread blocks no signal: it would be the one to get the next.
while len(os.listdir("/proc/self/task")) > 1: time.sleep(0.01)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
os.kill(os.getpid(), signal.SIGUSR2)
show(signal.sigpending(), signal.sigwait([signal.SIGUSR2]))

show("== processes")
pids = []
for code in range(8):
    pid = os.fork()
    if not pid: os._exit(code * 2)
    pids.append(pid)
show([os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids])
p = subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"input", capture_output=True)
show(p)
p = subprocess.Popen(["sleep", "100"]); p.terminate(); show(p.wait())
p = subprocess.Popen([sys.executable, "-S", "-c", "import os; os.abort()"], stderr=subprocess.DEVNULL); show(p.wait())
show(subprocess.run("seq 1 5000 | sort -n | tail -1", shell=True, text=True, stdout=subprocess.PIPE).stdout)
r, w = os.pipe()
if not os.fork():
    os.dup2(w, 1); os.execvp("echo", ["echo", "exec in a child"])
os.wait(); show(os.read(r, 100))
shared = mmap.mmap(-1, 8192)
if not os.fork():
    shared[4096:4101] = b"child"; os._exit(0)
os.wait(); show(shared[4096:4101])

show("== memory")
with tempfile.TemporaryFile() as f:
    f.write(b"0123456789" * 2000); f.flush()
    m = mmap.mmap(f.fileno(), 0); m[5000:5004] = b"mmap"; m.flush()
    f.seek(4998); show(f.read(8), m.find(b"mmap")); m.resize(40000); show(len(m), m[-1]); m.close()
big = [bytearray(1 << 16) for _ in range(200)]; big[77][5] = 1; show(sum(map(sum, (b[:8] for b in big)))); del big
exe = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
exe.write(b"\x8d\x04\x37\xc3")
add = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(exe)))
show(add(40, 2))
libc = ctypes.CDLL(None)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(lambda a, b: a[0] - b[0])
array = (ctypes.c_int * 6)(5, 1, 4, 2, 6, 3); libc.qsort(array, 6, 4, compare); show(list(array))

show("== sockets")
server = socket.create_server(("127.0.0.1", 0)); port = server.getsockname()[1]
def serve():
    for _ in range(20):
        c, _a = server.accept()
        with c: c.sendall(c.recv(1000)[::-1])
t = threading.Thread(target=serve); t.start()
answers = []
for i in range(20):
    with socket.create_connection(("127.0.0.1", port)) as c:
        c.sendall(b"message %d" % i); answers.append(c.recv(1000))
t.join(); show(answers[0], answers[19])
a, b = socket.socketpair(); ep = select.epoll(); ep.register(b, select.EPOLLIN)
show(ep.poll(0), a.send(b"x"), [e[1] for e in ep.poll(1)])
b.recv(1); fds = os.pipe(); socket.send_fds(a, [b"fd"], [fds[0]])
_, passed, _, _ = socket.recv_fds(b, 10, 1)
os.write(fds[1], b"passed"); show(os.read(passed[0], 10))
sys.exit(21)
EOF
run python3 -I script.py
echo "status $?"

section "asyncio, multiprocessing"
cat >pool.py <<'EOF'
import asyncio, multiprocessing as mp, os, time
def square(x): return x * x
async def main():
    async def tick(n): await asyncio.sleep(n / 100); return n
    print(await asyncio.gather(*(tick(n) for n in (5, 1, 3))))
    p = await asyncio.create_subprocess_exec("echo", "child of asyncio", stdout=asyncio.subprocess.PIPE)
    print((await p.communicate())[0], p.returncode)
if __name__ == "__main__":
    asyncio.run(main())
    with mp.get_context("fork").Pool(3) as pool:
        print(sum(pool.map(square, range(200))))
    q = mp.Queue(); p = mp.Process(target=q.put, args=("from a process",)); p.start(); print(q.get()); p.join(); print(p.exitcode)
EOF
run python3 -I pool.py
echo "status $?"

section "an error, a crash"
run python3 -I -S -c '1 / 0'
echo "status $?"
run python3 -I -S -X faulthandler -c 'import ctypes; ctypes.string_at(0)' 2>&1 | sed -n 1p
echo "status ${PIPESTATUS[0]}"
echo 'print(6 * 7); import os; os.kill(os.getpid(), 9)' | run python3 -I -S
echo "status $?"

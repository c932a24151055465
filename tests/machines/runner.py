"""runner: what the scripts share that run a job in an emulated machine (`svm`, `bochs`): options, the
initrd, following the machine, judging what it said, results. See `svm` for what makes a run fail.
"""

import argparse
import glob
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

# What no healthy kernel says.
FAULTS = re.compile(
    r"BUG:|WARNING:|\bOops\b|Kernel panic|KASAN|KCSAN|UBSAN|unreferenced object|general protection fault"
    r"|unchecked MSR access|Call Trace:|sleeping function called|scheduling while atomic|possible circular"
    r"|possible recursive|inconsistent lock state|suspicious RCU usage|INFO: task .* blocked"
    r"|rcu.*(self-)?detected (stall|expedited stalls)|soft lockup|hard LOCKUP|list_(add|del) corruption"
    r"|ODEBUG:|DEBUG_LOCKS_WARN_ON|refcount_t:|Bad page|stack guard page|double fault|unable to handle"
    r"|kobject.*initialized twice|NMI received for unknown reason|possible.*deadlock|Unbalanced"
    r"|lock held when returning to user space|held lock freed")
# What says so and means well: boot messages, in stock kernels too.
HARMLESS = re.compile(
    r"kasan: KernelAddressSanitizer initialized|KASAN.*initialized|Command line:|kmemleak: Kernel memory leak"
    r" detector (initialized|enabled)|unknown kernel command line", re.I)
RESULT = re.compile(r"^(ok|not ok|skip) - (.+)$")


CARRIED = "module", "modprobe", "carry", "file", "env"


def parser(name, doc):
    """The options that every machine has."""
    p = argparse.ArgumentParser(prog=name, description=doc, allow_abbrev=False,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kernel", default="6.12", help="6.1, 6.12 (default), 7.2, each also with -full")
    p.add_argument("--kernel-dir", help="a folder as `fetch kernel` makes them, instead")
    p.add_argument("--job", required=True, help="script or static program to run")
    p.add_argument("--mitigations", choices=("off", "auto"), default="off")
    p.add_argument("--append", action="append", default=[], help="more kernel command line")
    p.add_argument("--timeout", type=float, default=120, help="seconds, not counting those in which"
                   " other programs had the processors (default: 120)")
    for option in CARRIED:
        p.add_argument("--" + option, action="append", default=[])
    p.add_argument("--allow", action="append", default=[], help="pattern of kernel log lines that are no fault")
    p.add_argument("--results", help="append the results to this file")
    p.add_argument("--name", help="a name for this run in the results (default: the job's)")
    p.add_argument("--log", help="keep the whole console and kernel log in this file")
    return p


def run(*command):
    """Run a helper script, its messages shown; the last line it prints."""
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if out.returncode:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {os.path.basename(command[0])} failed")
    lines = out.stdout.split("\n")
    return lines[-2] if len(lines) > 1 else ""


def kernel_folder(a):
    if a.kernel_dir:
        return a.kernel_dir
    if getattr(a, "debug_kernel", False):
        return os.environ.get("VINTC_DEBUG_KERNEL") or run(os.path.join(HERE, "debug-kernel"))
    return run(os.path.join(HERE, "fetch"), "kernel", a.kernel)


def make_initrd(a, kernel, path):
    command = [os.path.join(HERE, "mkinitrd"), "--output", path, "--job", a.job, "--kernel-dir", kernel]
    for option in CARRIED:
        for value in getattr(a, option):
            command += ["--" + option, value]
    run(*command)


class Run:
    """What the machine said, sorted into the job's output, the kernel's log and the end."""

    def __init__(self):
        self.job, self.log, self.results = [], [], []
        self.boot = self.exit = self.seconds = self.died = None
        self.hung = False
        self.part = None

    def line(self, text):
        if text.startswith("===== "):
            words = text.split()
            if words[1] in ("boot", "exit") and len(words) < 4:
                return  # its programs don't run any more; the machine will be judged to have died
            if words[1] == "boot":
                self.boot, self.part = float(words[3]), self.job
            elif words[1] == "dmesg":
                self.part = self.log
            elif words[1] == "exit":
                self.exit, self.seconds, self.part = int(words[2]), float(words[3]), None
            if words[1] in ("boot", "dmesg", "end", "exit"):
                return
        if self.part is None:
            return
        self.part.append(text)
        if self.part is self.job:
            print(text, flush=True)
            found = RESULT.match(text)
            if found:
                self.results.append((found[1], found[2], list(self.job[-20:-1])))


def kept_waiting(pid):
    """Seconds for which the machine's slowest thread was ready but others had the processors: on a busy
    computer that is no hang, so it does not count towards the timeout."""
    longest = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as f:
                longest = max(longest, int(f.read().split()[1]))
        except (OSError, IndexError):
            pass
    return longest / 1e9


def watch(process, r, seconds, show):
    """Follow the machine until it goes off; when the time is up, make it show where it hangs, if it can
    (show), and give it some time to do so."""
    deadline, pending, late = time.monotonic() + seconds, b"", False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            extra = kept_waiting(process.pid)
            if selector.select(max(0, deadline + extra - time.monotonic())):
                data = os.read(process.stdout.fileno(), 65536)
                *lines, pending = (pending + data).split(b"\n")
                for text in lines:
                    r.line(text.decode(errors="replace").rstrip("\r"))
                if not data:
                    break
            elif time.monotonic() >= deadline + kept_waiting(process.pid):
                if late:
                    process.kill()
                    break
                r.died, r.hung = f"not done after {seconds:g} s", True
                if not show:
                    process.kill()
                    break
                late, deadline = True, deadline + 15
                r.died += "; below, what its CPUs did then"
                show()
    process.wait()
    if pending and not r.died:
        r.line(pending.decode(errors="replace").rstrip("\r"))
    if r.exit is None and not r.died:
        r.died = f"the machine died (the emulator: {process.returncode})"


def faults(r, console, allowed):
    """The first line of each fault in the kernel's log (from dmesg, else from the console)."""
    def bad(text):
        return (FAULTS.search(text) and not HARMLESS.search(text)
                and not any(re.search(p, text) for p in allowed))
    return [(text, log[max(0, n - 2):n + 40]) for log in (r.log, console)
            for n, text in enumerate(log) if bad(text)]


def report(a, r, console, kernel, machine):
    """Print the verdict, append the results; the exit status."""
    with open(f"{kernel}/release") as f:
        release = f.read().strip()
    name = f"{a.name or os.path.basename(a.job)} [{machine.format(release)}]"
    results = list(r.results)
    if r.died:
        results.append(("not ok", f"machine: {r.died}", r.job[-20:] + ["-- console:"] + console[-200 if r.hung else -60:]))
    found = [] if r.hung else faults(r, console, a.allow)
    if found:
        results.append(("not ok", f"kernel log: {found[0][0].strip()}", found[0][1]))
    if not r.died and not r.results:
        results.append(("not ok", "results: the job printed none", r.job[-20:]))
    if r.exit and all(kind != "not ok" for kind, _, _ in results):
        results.append(("not ok", f"job: exit status {r.exit}", r.job[-20:]))

    shown = len(r.results)
    for kind, text, context in results[shown:]:
        print("".join(f"  | {line}\n" for line in context) + f"{kind} - {text}")
    if a.results:
        with open(a.results, "a") as f:
            for kind, text, context in results:
                f.write(f"{kind} - {name} {text}\n")
                if kind == "not ok":
                    f.writelines(f"# {line}\n" for line in context)
    count = {k: sum(kind == k for kind, _, _ in results) for k in ("ok", "not ok", "skip")}
    times = f"boot {r.boot:.1f} s, off at {r.seconds:.1f} s" if r.seconds is not None else "no end"
    print(f"-- {name}: {count['ok']} passed, {count['not ok']} failed, {count['skip']} skipped ({times})", flush=True)
    if r.died:
        return 124 if r.hung else 125
    return r.exit or (1 if count["not ok"] else 0)


def execute(a, machine, prepare, show=None, noise=None):
    """Run the job and exit with the status that `svm` documents.

    machine   what results call the machine; {} becomes the kernel's release
    prepare   (a, kernel, work) -> the emulator's command. $work/initrd is there; the kernel's console goes to
              $work/console, the job's serial line to the command's standard output.
    show      (work): called when the time is up, to make the machine say on its console where it hangs
    noise     what of the emulator's standard error means nothing
    """
    kernel = kernel_folder(a)
    with tempfile.TemporaryDirectory(prefix=f"vintc-{os.path.basename(sys.argv[0])}.") as work:
        make_initrd(a, kernel, f"{work}/initrd")
        r = Run()
        with open(f"{work}/stderr", "w+") as errors:
            process = subprocess.Popen(prepare(a, kernel, work), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=errors)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            try:
                watch(process, r, a.timeout, show and (lambda: show(work)))
            finally:
                process.kill()
                process.wait()
            errors.seek(0)
            said = [line.rstrip() for line in errors if not noise or noise not in line]
        console = []
        if os.path.exists(f"{work}/console"):
            with open(f"{work}/console", errors="replace") as f:
                console = [line.rstrip() for line in f]
        if r.died:
            console += said
        if a.log:
            with open(a.log, "w") as f:
                for title, lines in (("job", r.job), ("console", console), ("kernel log", r.log)):
                    f.write("".join(f"{line}\n" for line in [f"===== {title}", *lines]))
        sys.exit(report(a, r, console, kernel, machine))

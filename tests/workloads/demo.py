"""The demo behind tools/demo: runs the services and the three tiers, sends requests, shows a trace and
the score of all of them."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from processes import StartError, stop_identities  # noqa: E402
from score import read_truth, score, table  # noqa: E402
from stack import PROGRAMS, Stack  # noqa: E402
from tiers import SpanWait, Tiers, bin_folder  # noqa: E402

STATE = pathlib.Path("/run/kernspan-demo.json")
COMPLETE_SHARE_MIN = 0.995
DRAIN_SECONDS_MAX = 60
SETTLE_SECONDS_MAX = 15
# What the kernel side could not capture, as opposed to what needs no capture (bodies, other protocols).
CAPTURE_LOSSES = ("ring_full", "no_buffer", "user_read_failed", "head_cut", "too_many", "no_socket_storage")


def say(text=""):
    print(text, flush=True)


def heading(text):
    say(f"\n==> {text}")


class Progress:
    """Driver's "done/all" lines as a bar: redrawn on a terminal, one line each elsewhere."""

    def __init__(self, total):
        self._total = total
        self._redraws = sys.stdout.isatty()

    def show(self, done):
        filled = 40 * done // max(1, self._total)
        line = f"    [{'#' * filled}{'.' * (40 - filled)}] {done} of {self._total}"
        print("\r" + line if self._redraws else line, end="" if self._redraws else "\n", flush=True)

    def end(self):
        if self._redraws:
            print(flush=True)


def send_requests(stack, count, concurrency, run):
    """Runs the driver. Its totals."""
    progress = Progress(count)
    driver = subprocess.Popen(
        ["/usr/bin/python3", "-B", HERE / "driver.py", "--port", str(stack.ports["nginx"]),
         "--truth", stack.truth, "--requests", str(count), "--concurrency", str(concurrency),
         "--run", run, "--progress"], stdout=subprocess.PIPE, text=True)
    totals = None
    try:
        for line in driver.stdout:
            if line.startswith("{"):
                totals = json.loads(line)
            else:
                progress.show(int(line.split("/")[0]))
    finally:
        progress.end()
        if driver.wait() not in (0, 1) or totals is None:
            raise StartError(f"the driver ended with {driver.returncode}")
    return totals


def settled_metrics(tiers):
    """The metrics of all daemons at rest, and what is wrong with their books even then."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        metrics = {tier: daemon.metrics() for tier, daemon in tiers.daemons.items()}
        problems = book_problems(metrics)
        if not problems or time.monotonic() > deadline:
            return metrics, problems
        time.sleep(0.5)


def book_problems(metrics):
    problems = [f"{tier}: {stage} is off by {difference}" for tier, each in metrics.items()
                for stage, difference in each.unbalanced().items()]
    for sender, receiver in (("agent", "gateway"), ("gateway", "federation")):
        sent = metrics[sender].stages()["exporters/otlp"].passed_on
        taken = metrics[receiver].stages()["receivers/otlp"].taken
        if sent != taken:
            problems.append(f"{sender} sent {sent} spans, {receiver} took {taken}")
    return problems


def losses(metrics):
    """What was lost on the way, in words, with its reason."""
    lost = []
    for outcome, count in metrics["agent"].by_label("kernspan_capture_events", "outcome").items():
        if outcome.startswith(CAPTURE_LOSSES):
            lost.append(f"capture: {outcome} {count}")
    for tier, each in metrics.items():
        for name, stage in each.stages().items():
            lost += [f"{tier} {name}: {reason} {count} {stage.unit}"
                     for reason, count in stage.dropped.items() if count]
    return lost


def show_ledgers(metrics):
    say(f"  {'daemon':<11} {'stage':<26} {'unit':<10} {'taken':>8} {'passed on':>10} {'held':>6} "
        f"{'dropped':>8}")
    for tier in ("agent", "gateway", "federation"):
        unbalanced = metrics[tier].unbalanced()
        for name, stage in metrics[tier].stages().items():
            verdict = f"OFF BY {unbalanced[name]}" if name in unbalanced else "balances"
            say(f"  {tier:<11} {name:<26} {stage.unit:<10} {stage.taken:>8} {stage.passed_on:>10} "
                f"{stage.held:>6} {sum(stage.dropped.values()):>8}  {verdict}")


def show_trace(spans, spans_file, complete_traces):
    """One trace of typical duration as a waterfall."""
    roots = {span.trace: span.end_ns - span.start_ns for span in spans if not span.parent}
    candidates = sorted((roots[trace], trace) for trace in complete_traces or roots if trace in roots)
    if not candidates:
        say("  there is none")
        return
    trace = candidates[len(candidates) // 2][1]
    width = shutil.get_terminal_size((140, 24)).columns
    subprocess.run([bin_folder() / "kernspan", "traces", "--trace", trace, spans_file], check=False,
                   env={**os.environ, "COLUMNS": str(width)})


def judge(result, metrics, problems):
    """The closing table. True when everything is as it should be."""
    lost = losses(metrics)
    rows = (("requests sent", result.requests),
            ("complete traces", f"{result.complete} ({result.complete_share:.2%})"),
            ("links right", f"{result.total('right')} of {result.total('expected')}"),
            ("links wrong", result.total("wrong")),
            ("links missing", result.total("missing")),
            ("events lost, by reason", "; ".join(lost) or "none"),
            ("losses unexplained", "; ".join(problems) or "none"))
    for name, value in rows:
        say(f"  {name:<24} {value}")
    return (result.requests > 0 and result.complete_share >= COMPLETE_SHARE_MIN
            and not result.total("wrong") and not problems)


def run(arguments, folder):
    heading("services: nginx -> gunicorn/Flask -> Node.js -> gunicorn and a threaded Python server")
    stack = Stack(folder / "stack", outlive_parent=arguments.keep)
    tiers = Tiers(folder / "tiers", outlive_parent=arguments.keep)
    ends_well = False
    try:
        stack.start()
        for name in reversed(stack.services):
            say(f"  {name:<11} {PROGRAMS[name].rsplit('/', 1)[-1]:<9} pid {stack.programs[name].pid:<8} "
                f"http://127.0.0.1:{stack.ports[name]}")
        heading("kernspan: agent -> gateway -> federation")
        tiers.start()
        for tier, daemon in reversed(tiers.daemons.items()):
            say(f"  {tier:<11} pid {daemon.pid:<8} http://127.0.0.1:{daemon.metrics_port}/metrics")
        ends_well = trace_requests(arguments, stack, tiers)
        if arguments.keep:
            keep(folder, stack, tiers)
    finally:
        if not STATE.exists():
            heading("stopping what was started")
            ends_well = stop(stack, tiers) and ends_well
    return ends_well


def trace_requests(arguments, stack, tiers):
    heading(f"{arguments.requests} requests from {arguments.concurrency} clients")
    name = "demo"
    totals = send_requests(stack, arguments.requests, arguments.concurrency, name)
    say(f"    {totals['succeeded']} answered in {totals['seconds']:.1f} s, median {totals['p50_ms']} ms, "
        f"99 % within {totals['p99_ms']} ms" + (f", errors {totals['errors']}" if totals["errors"] else ""))

    truth = read_truth(stack.truth, name)
    expected = 2 * len(truth)
    wait = SpanWait(tiers.spans)
    wait.until(lambda spans: sum(span.path in truth for span in spans) >= expected, DRAIN_SECONDS_MAX)
    metrics, problems = settled_metrics(tiers)
    spans = wait.until(lambda _: True)
    result = score(truth, spans)

    heading("one of the traces")
    show_trace(spans, tiers.spans, result.complete_traces)
    heading("the links, against what the services know (a token in the bodies, which Kernspan never reads)")
    say("  " + table(result).replace("\n", "\n  "))
    heading("the ledgers")
    show_ledgers(metrics)
    heading("the result")
    return judge(result, metrics, problems)


def stop(stack, tiers):
    """True when every daemon drained, balanced its books and ended well."""
    ends_well = True
    for tier, status in tiers.stop().items():
        summary = tiers.daemons[tier].summary()
        off = {stage: words for stage, words in summary.items() if words != "balances"}
        if status or off or not summary:
            say(f"  {tier} ended with {status}; its last words: {off or summary or 'none'}; "
                f"see {tiers.daemons[tier].log_path}")
            ends_well = False
    stack.stop()
    say("  done")
    return ends_well


def keep(folder, stack, tiers):
    programs = [daemon.program for daemon in reversed(tiers.daemons.values())]
    programs += reversed(stack.programs.values())
    STATE.write_text(json.dumps({"folder": str(folder),
                                 "programs": [program.identity for program in programs]}))
    heading("everything stays up")
    say(f"  send a request    curl -d '{{\"token\":\"1\",\"caller\":\"me\"}}' {stack.url}/order/mine-1\n"
        f"  watch the traces  {bin_folder()}/kernspan traces --follow {tiers.spans}\n"
        f"  the loss ledgers  curl http://127.0.0.1:{tiers.agent.metrics_port}/metrics\n"
        f"  logs              {folder}\n"
        f"  stop it           sudo tools/demo --stop")


def stop_kept():
    if not STATE.exists():
        say("nothing is running that tools/demo --keep left")
        return 0
    state = json.loads(STATE.read_text())
    stop_identities(state["programs"])
    shutil.rmtree(state["folder"], ignore_errors=True)
    STATE.unlink()
    say("stopped: " + ", ".join(program["name"] for program in state["programs"]))
    return 0


def main():
    parser = argparse.ArgumentParser(prog="tools/demo")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", action="store_true")
    arguments = parser.parse_args()
    if not 1 <= arguments.requests <= 1_000_000 or not 1 <= arguments.concurrency <= 256:
        parser.error("--requests must be 1 to 1000000, --concurrency 1 to 256")
    if os.geteuid() != 0:
        say("tools/demo: tracing other programs needs root: sudo tools/demo")
        return 1
    if arguments.stop:
        return stop_kept()
    if STATE.exists():
        say("tools/demo: a demo is still up; sudo tools/demo --stop ends it")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kernspan-demo-"))
    ends_well = False
    try:
        ends_well = run(arguments, folder)
    except StartError as error:
        say(f"tools/demo: {error}")
    except KeyboardInterrupt:
        say("\ninterrupted")
    say(f"\nthe demo {'succeeded' if ends_well else 'FAILED'}"
        + ("" if ends_well or arguments.keep else f"; logs, truth and spans are in {folder}"))
    if ends_well and not arguments.keep:
        shutil.rmtree(folder)
    return 0 if ends_well else 1


if __name__ == "__main__":
    sys.exit(main())

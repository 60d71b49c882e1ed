"""gRPC's own interoperability programs in Go, from the source of Debian's package: the package itself leaves
them out. Built without a network, once the source is here.

Their messages are generated again, by the generator that Debian's gRPC for Go was made with.
"""

import os
import pathlib
import shutil

import rpc

GOCODE = pathlib.Path("/usr/share/gocode/src")
GRPC = GOCODE / "google.golang.org" / "grpc"
GENERATOR = "github.com/golang/protobuf/protoc-gen-go"
CASES = ("empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
         "timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response",
         "status_code_and_message", "special_status_message", "custom_metadata", "unimplemented_method",
         "unimplemented_service")


def programs(tests):
    """(client, server). rpc.Missing when they cannot be built here."""
    rpc.need(["go", "protoc", "apt-get", "xz"], [GRPC, GOCODE / GENERATOR])
    folder = rpc.built(pathlib.Path(tests) / "rpc" / "interop", [__file__], _build)
    return folder / "client", folder / "server"


def _build(folder):
    work = folder / "work"
    package = work / "src" / "google.golang.org" / "grpc"
    _fetch_source(work)
    shutil.copytree(GRPC, package)
    shutil.copytree(next(work.glob("golang-google-grpc-*/")) / "interop", package / "interop")
    gopath = f"{work}:/usr/share/gocode"
    rpc.go_build([GENERATOR], work / "protoc-gen-go", gopath)
    messages = package / "interop" / "grpc_testing"
    rpc.run(["protoc", f"--plugin={work}/protoc-gen-go", f"--go_out=paths=source_relative:{messages}",
             f"--proto_path={messages}", messages / "test.proto"])
    for program in ("client", "server"):
        rpc.go_build([f"google.golang.org/grpc/interop/{program}"], folder / program, gopath)
    shutil.rmtree(work)


def _fetch_source(work):
    """With apt's own check of signatures, and lists of its own: the machine's stay as they are."""
    (work / "lists" / "partial").mkdir(parents=True)
    root = rpc.FOLDER.parents[2]
    mirror = rpc.run([root / "tools" / "apt_mirror", "main"]).strip()
    release = dict(line.split("=", 1) for line in
                   pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines() if "=" in line)
    sources = work / "sources.list"
    sources.write_text("deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
                       f"{mirror} {release['VERSION_CODENAME']} main\n", encoding="utf-8")
    apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null",
           "-o", f"Dir::State::lists={work}/lists", "-o", "APT::Sandbox::User=root",
           "-o", "Acquire::Retries=3"]
    rpc.run([*apt, "update"])
    rpc.run([*apt, "source", "--download-only", "golang-google-grpc"], cwd=work)
    rpc.run(["tar", "xf", next(work.glob("*.orig.tar.*")), "-C", work], env={**os.environ, "TAR_OPTIONS": ""})

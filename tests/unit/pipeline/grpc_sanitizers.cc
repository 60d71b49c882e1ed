// What the sanitizers are told of Debian's gRPC and what it stands on.

// The resolver of names keeps a few bytes per question.
extern "C" const char* __lsan_default_suppressions();

const char* __lsan_default_suppressions() {
  return "leak:libcares\n";
}

// Debian's gRPC and abseil are not compiled for ThreadSanitizer, which therefore does not see how
// they hand an object from one thread to the next: a completion queue does it with its own atomics.
// What runs on both sides of such a hand-over is left out here. Queue, retry, batch and books are
// checked by tests that use no gRPC.
extern "C" const char* __tsan_default_suppressions();

const char* __tsan_default_suppressions() {
  return "race:libgrpc\n"
         "race:libgpr.so\n"
         "race:libabsl_\n"
         "race:libz.so\n"
         "race:libssl\n"
         "race:libcrypto\n"
         "race:grpc::\n"
         "race:kernspan::OtlpReceiver::Server::\n"
         "race:kernspan::GrpcTransport::Implementation::\n"
         "deadlock:libgrpc\n"
         "deadlock:libabsl_\n";
}

// And what uninstrumented libraries do through libc (memcpy, realloc, operator delete) is theirs.
extern "C" const char* __tsan_default_options();

const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1";
}

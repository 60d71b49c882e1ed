import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import kernspan.tests.TruthProto.Answer;
import kernspan.tests.TruthProto.Call;

/**
 * The workload's server and client with gRPC Java on Netty: network threads read and write, a pool runs
 * the handlers.
 *
 * <pre>
 *   Truth server PORT [NEXT_PORT]
 *   Truth client PORT CHANNELS CONCURRENCY
 * </pre>
 *
 * The server prints a line per call that it has handled: id, method, status, start and end (Unix time,
 * ns), messages received and sent. The client reads a line per call and prints one when it is over;
 * rpc.py says what is in them.
 */
final class Truth {
  private static final String SERVICE = "kernspan.tests.Truth";
  private static final int THREADS = 48; // more than any load has calls in flight

  private static final MethodDescriptor<Call, Answer> UNARY = method("Unary", MethodType.UNARY);
  private static final MethodDescriptor<Call, Answer> COLLECT =
      method("Collect", MethodType.CLIENT_STREAMING);
  private static final MethodDescriptor<Call, Answer> EXPAND =
      method("Expand", MethodType.SERVER_STREAMING);
  private static final MethodDescriptor<Call, Answer> CONVERSE =
      method("Converse", MethodType.BIDI_STREAMING);
  private static final MethodDescriptor<Call, Answer> FORWARD = method("Forward", MethodType.UNARY);
  private static final List<MethodDescriptor<Call, Answer>> METHODS =
      List.of(UNARY, COLLECT, EXPAND, CONVERSE, FORWARD);

  private static MethodDescriptor<Call, Answer> method(String name, MethodType type) {
    return MethodDescriptor.<Call, Answer>newBuilder()
        .setType(type)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, name))
        .setRequestMarshaller(new Marshaller<>(Call.parser()))
        .setResponseMarshaller(new Marshaller<>(Answer.parser()))
        .build();
  }

  private record Marshaller<T extends Message>(Parser<T> parser)
      implements MethodDescriptor.Marshaller<T> {
    @Override
    public InputStream stream(T message) {
      return message.toByteString().newInput();
    }

    @Override
    public T parse(InputStream stream) {
      try {
        return parser.parseFrom(stream);
      } catch (IOException error) {
        throw Status.INTERNAL.withCause(error).asRuntimeException();
      }
    }
  }

  private static long nowNs() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1_000_000_000L + now.getNano();
  }

  private static synchronized void print(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word);
    System.out.println(line);
    System.out.flush();
  }

  private static void sleep(long delayMs) {
    try {
      Thread.sleep(delayMs);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  /** What one handler did. gRPC calls it from one thread at a time. */
  private static final class Handled implements StreamObserver<Call> {
    private final MethodDescriptor<Call, Answer> method;
    private final StreamObserver<Answer> output;
    private final long startNs = nowNs();
    private Call call;
    private int received;
    private int sent;

    Handled(MethodDescriptor<Call, Answer> method, StreamObserver<Answer> output) {
      this.method = method;
      this.output = output;
    }

    @Override
    public void onNext(Call next) {
      call = next;
      received++;
      if (method == CONVERSE) send();
    }

    @Override
    public void onError(Throwable error) {
      if (call != null) log(Status.CANCELLED.getCode().value());
    }

    @Override
    public void onCompleted() {
      if (method == COLLECT || method == UNARY) {
        if (call.getStatus() == 0) send();
        else sleep(call.getDelayMs());
      }
      end(call.getStatus());
    }

    void send() {
      sleep(call.getDelayMs());
      output.onNext(Answer.newBuilder().setId(call.getId()).setPayload(call.getPayload()).build());
      sent++;
    }

    void end(int status) {
      log(status);
      if (status == 0) output.onCompleted();
      else output.onError(Status.fromCodeValue(status).withDescription("as asked for").asException());
    }

    private void log(int status) {
      print(call.getId(), method.getBareMethodName(), status, startNs, nowNs(), received, sent);
    }
  }

  private static void unary(Call call, StreamObserver<Answer> output) {
    Handled handled = new Handled(UNARY, output);
    handled.onNext(call);
    handled.onCompleted();
  }

  private static void expand(Call call, StreamObserver<Answer> output) {
    Handled handled = new Handled(EXPAND, output);
    handled.onNext(call);
    for (int number = 0; number < call.getAnswers(); ++number) handled.send();
    handled.end(call.getStatus());
  }

  private static void forward(ManagedChannel next, Call call, StreamObserver<Answer> output) {
    Handled handled = new Handled(FORWARD, output);
    handled.onNext(call);
    Status status = Status.OK;
    try {
      output.onNext(ClientCalls.blockingUnaryCall(next, UNARY, CallOptions.DEFAULT, call));
      handled.sent++;
    } catch (io.grpc.StatusRuntimeException error) {
      status = error.getStatus();
    }
    handled.end(status.getCode().value());
  }

  private static void serve(int port, Integer nextPort) throws Exception {
    ManagedChannel next = nextPort == null ? null : connect(nextPort);
    Server server =
        NettyServerBuilder.forAddress(new java.net.InetSocketAddress("127.0.0.1", port))
            .executor(Executors.newFixedThreadPool(THREADS))
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .addService(
                ServerServiceDefinition.builder(SERVICE)
                    .addMethod(UNARY, ServerCalls.asyncUnaryCall(Truth::unary))
                    .addMethod(
                        COLLECT,
                        ServerCalls.asyncClientStreamingCall(output -> new Handled(COLLECT, output)))
                    .addMethod(EXPAND, ServerCalls.asyncServerStreamingCall(Truth::expand))
                    .addMethod(
                        CONVERSE,
                        ServerCalls.asyncBidiStreamingCall(output -> new Handled(CONVERSE, output)))
                    .addMethod(
                        FORWARD,
                        ServerCalls.asyncUnaryCall((call, output) -> forward(next, call, output)))
                    .build())
            .build()
            .start();
    print("ready");
    server.awaitTermination();
  }

  private static ManagedChannel connect(int port) {
    return NettyChannelBuilder.forAddress("127.0.0.1", port)
        .usePlaintext()
        .maxInboundMessageSize(Integer.MAX_VALUE)
        .build();
  }

  /** One call of the client. gRPC calls the listener from one thread at a time. */
  private static final class Running extends ClientCall.Listener<Answer> {
    private final String id;
    private final int messages;
    private final MethodDescriptor<Call, Answer> method;
    private final ClientCall<Call, Answer> running;
    private final Runnable done;
    private final long startNs = nowNs();
    private final Call call;
    private volatile int sent;
    private int received;

    Running(String line, ManagedChannel channel, ScheduledExecutorService timer, Runnable done) {
      String[] words = line.split(" ");
      id = words[0];
      method = METHODS.stream().filter(m -> m.getBareMethodName().equals(words[1])).findAny().get();
      messages = Integer.parseInt(words[2]);
      this.done = done;
      call =
          Call.newBuilder()
              .setId(id)
              .setAnswers(Integer.parseInt(words[3]))
              .setPayload(ByteString.copyFrom(new byte[Integer.parseInt(words[4])]))
              .setStatus(Integer.parseInt(words[5]))
              .setDelayMs(Integer.parseInt(words[6]))
              .build();
      int deadlineMs = Integer.parseInt(words[7]);
      int cancelMs = Integer.parseInt(words[8]);
      CallOptions options =
          deadlineMs == 0
              ? CallOptions.DEFAULT
              : CallOptions.DEFAULT.withDeadlineAfter(deadlineMs, TimeUnit.MILLISECONDS);
      Metadata metadata = new Metadata();
      if (!words[9].equals("-")) {
        metadata.put(Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER), words[9]);
      }
      running = channel.newCall(method, options);
      running.start(this, metadata);
      running.request(Integer.MAX_VALUE);
      send();
      while (method == COLLECT && sent < messages) send();
      if (cancelMs > 0) {
        timer.schedule(() -> running.cancel("as asked for", null), cancelMs, TimeUnit.MILLISECONDS);
      }
    }

    private void send() {
      // The answer may come, and the next message go out, before this thread goes on.
      int number = ++sent;
      running.sendMessage(call);
      if (number == messages) running.halfClose();
    }

    @Override
    public void onMessage(Answer answer) {
      received++;
      if (method == CONVERSE && sent < messages) send();
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      print(id, status.getCode().value(), startNs, nowNs(), sent, received);
      done.run();
    }
  }

  private static void request(int port, int channelCount, int concurrency) throws Exception {
    List<ManagedChannel> channels = new ArrayList<>();
    for (int number = 0; number < channelCount; ++number) channels.add(connect(port));
    ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    Semaphore slots = new Semaphore(concurrency);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    int number = 0;
    for (String line; (line = lines.readLine()) != null; ) {
      slots.acquire();
      new Running(line, channels.get(number++ % channelCount), timer, slots::release);
    }
    slots.acquire(concurrency);
    System.exit(0);
  }

  public static void main(String[] words) throws Exception {
    int port = Integer.parseInt(words[1]);
    if (words[0].equals("server")) {
      serve(port, words.length > 2 ? Integer.valueOf(words[2]) : null);
    } else {
      request(port, Integer.parseInt(words[2]), Integer.parseInt(words[3]));
    }
  }
}

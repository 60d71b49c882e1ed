// The workload's server and client with grpc-go: a goroutine per call.
//
//	truth server PORT [NEXT_PORT]
//	truth client PORT CHANNELS CONCURRENCY
//	truth gateway PORT NEXT_PORT
//
// Ports are those of 127.0.0.1; in the environment, TRUTH_LISTEN is another address to listen on, and
// TRUTH_CALL one to call.
//
// The gateway is a net/http server: each request, whose body is a call's id, makes it a Unary call to the next
// server. Its lines are those of a server, with the path as the method.
//
// The server prints a line per call that it has handled: id, method, status, start and end (Unix time, ns),
// messages received and sent. The client reads a line per call and prints one when it is over; rpc.py
// says what is in them. The messages are those of truth.proto; the structs below are what its
// generator would make of them, without a generator.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/golang/protobuf/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type Call struct {
	Id      string `protobuf:"bytes,1,opt,name=id,proto3"`
	Answers int32  `protobuf:"varint,2,opt,name=answers,proto3"`
	Status  int32  `protobuf:"varint,3,opt,name=status,proto3"`
	DelayMs int32  `protobuf:"varint,4,opt,name=delay_ms,json=delayMs,proto3"`
	Payload []byte `protobuf:"bytes,5,opt,name=payload,proto3"`
}

func (c *Call) Reset()         { *c = Call{} }
func (c *Call) String() string { return proto.CompactTextString(c) }
func (*Call) ProtoMessage()    {}

type Answer struct {
	Id      string `protobuf:"bytes,1,opt,name=id,proto3"`
	Payload []byte `protobuf:"bytes,2,opt,name=payload,proto3"`
}

func (a *Answer) Reset()         { *a = Answer{} }
func (a *Answer) String() string { return proto.CompactTextString(a) }
func (*Answer) ProtoMessage()    {}

const service = "/kernspan.tests.Truth/"

// Methods by name; the client and the server see the same descriptors.
var streams = map[string]grpc.StreamDesc{
	"Unary":    {StreamName: "Unary"},
	"Collect":  {StreamName: "Collect", ClientStreams: true},
	"Expand":   {StreamName: "Expand", ServerStreams: true},
	"Converse": {StreamName: "Converse", ClientStreams: true, ServerStreams: true},
	"Forward":  {StreamName: "Forward"},
}

var output sync.Mutex

func print(format string, values ...interface{}) {
	line := fmt.Sprintf(format, values...)
	output.Lock()
	defer output.Unlock()
	os.Stdout.WriteString(line)
}

// What one handler did.
type record struct {
	method         string
	start          time.Time
	call           Call
	received, sent int
}

func begin(method string) *record { return &record{method: method, start: time.Now()} }

func (r *record) answer() *Answer {
	time.Sleep(time.Duration(r.call.DelayMs) * time.Millisecond)
	return &Answer{Id: r.call.Id, Payload: r.call.Payload}
}

func (r *record) end(code codes.Code) error {
	print("%s %s %d %d %d %d %d\n", r.call.Id, r.method, code, r.start.UnixNano(), time.Now().UnixNano(),
		r.received, r.sent)
	if code == codes.OK {
		return nil
	}
	return status.Error(code, "as asked for")
}

func (r *record) endWithAnswer() (*Answer, error) {
	answer := r.answer()
	if r.call.Status == 0 {
		r.sent = 1
	}
	if err := r.end(codes.Code(r.call.Status)); err != nil {
		return nil, err
	}
	return answer, nil
}

type server struct{ next *grpc.ClientConn }

func (s *server) unary(ctx context.Context, r *record) (*Answer, error) {
	return r.endWithAnswer()
}

func (s *server) forward(ctx context.Context, r *record) (*Answer, error) {
	answer := new(Answer)
	err := s.next.Invoke(ctx, service+"Unary", &r.call, answer)
	if err == nil {
		r.sent = 1
	}
	return answer, r.end(status.Code(err))
}

func unaryMethod(name string, handle func(*server, context.Context, *record) (*Answer, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(s interface{}, ctx context.Context,
		decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
		r := begin(name)
		if err := decode(&r.call); err != nil {
			return nil, err
		}
		r.received = 1
		return handle(s.(*server), ctx, r)
	}}
}

func streamMethod(name string, handle func(*record, grpc.ServerStream) error) grpc.StreamDesc {
	desc := streams[name]
	desc.Handler = func(_ interface{}, stream grpc.ServerStream) error { return handle(begin(name), stream) }
	return desc
}

func (r *record) receive(stream grpc.ServerStream) bool {
	var call Call
	if stream.RecvMsg(&call) != nil {
		return false
	}
	r.call = call
	r.received++
	return true
}

func (r *record) send(stream grpc.ServerStream) bool {
	if stream.SendMsg(r.answer()) != nil {
		return false
	}
	r.sent++
	return true
}

func collect(r *record, stream grpc.ServerStream) error {
	for r.receive(stream) {
	}
	answer, err := r.endWithAnswer()
	if err != nil {
		return err
	}
	return stream.SendMsg(answer)
}

func expand(r *record, stream grpc.ServerStream) error {
	r.receive(stream)
	for r.sent < int(r.call.Answers) && r.send(stream) {
	}
	return r.end(codes.Code(r.call.Status))
}

func converse(r *record, stream grpc.ServerStream) error {
	for r.receive(stream) && r.send(stream) {
	}
	return r.end(codes.Code(r.call.Status))
}

func address(variable, port string) string {
	host := os.Getenv(variable)
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func dial(port string) *grpc.ClientConn {
	connection, err := grpc.Dial(address("TRUTH_CALL", port), grpc.WithInsecure(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		panic(err)
	}
	return connection
}

func serve(port string, next []string) {
	s := new(server)
	if len(next) > 0 {
		s.next = dial(next[0])
	}
	listener, err := net.Listen("tcp", address("TRUTH_LISTEN", port))
	if err != nil {
		panic(err)
	}
	grpcServer := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	grpcServer.RegisterService(&grpc.ServiceDesc{
		ServiceName: "kernspan.tests.Truth",
		HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{unaryMethod("Unary", (*server).unary),
			unaryMethod("Forward", (*server).forward)},
		Streams: []grpc.StreamDesc{streamMethod("Collect", collect), streamMethod("Expand", expand),
			streamMethod("Converse", converse)},
	}, s)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		grpcServer.Stop()
	}()
	print("ready\n")
	grpcServer.Serve(listener)
}

func gateway(port, next string) {
	connection := dial(next)
	handle := func(response http.ResponseWriter, request *http.Request) {
		r := begin(request.URL.Path)
		body, _ := ioutil.ReadAll(request.Body)
		r.call.Id = string(body)
		r.received = 1
		err := connection.Invoke(request.Context(), service+"Unary", &r.call, new(Answer))
		if err == nil {
			r.sent = 1
		}
		if r.end(status.Code(err)) != nil {
			response.WriteHeader(http.StatusBadGateway)
		}
	}
	listener, err := net.Listen("tcp", address("TRUTH_LISTEN", port))
	if err != nil {
		panic(err)
	}
	print("ready\n")
	http.Serve(listener, http.HandlerFunc(handle))
}

type order struct {
	id, method                                                             string
	messages, answers, payloadBytes, status, delayMs, deadlineMs, cancelMs int
	traceparent                                                            string
}

// The final status of a call, and how many messages went each way.
func (o *order) run(connection *grpc.ClientConn) (code codes.Code, sent, received int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if o.deadlineMs > 0 {
		var cancelDeadline context.CancelFunc
		ctx, cancelDeadline = context.WithTimeout(ctx, time.Duration(o.deadlineMs)*time.Millisecond)
		defer cancelDeadline()
	}
	if o.cancelMs > 0 {
		time.AfterFunc(time.Duration(o.cancelMs)*time.Millisecond, cancel)
	}
	if o.traceparent != "-" {
		ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", o.traceparent)
	}
	call := &Call{Id: o.id, Answers: int32(o.answers), Status: int32(o.status), DelayMs: int32(o.delayMs),
		Payload: make([]byte, o.payloadBytes)}
	desc := streams[o.method]
	if !desc.ClientStreams && !desc.ServerStreams {
		err := connection.Invoke(ctx, service+o.method, call, new(Answer))
		if err == nil {
			received = 1
		}
		return status.Code(err), 1, received
	}
	stream, err := connection.NewStream(ctx, &desc, service+o.method)
	for ; err == nil && sent < o.messages; sent++ {
		if err = stream.SendMsg(call); err != nil {
			break
		}
		if o.method == "Converse" {
			if err = stream.RecvMsg(new(Answer)); err == nil {
				received++
			}
		}
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		if err = stream.RecvMsg(new(Answer)); err == nil {
			received++
		}
	}
	if err == io.EOF {
		err = stream.RecvMsg(new(Answer)) // where sending failed, the status is still to be read
	}
	if err == io.EOF {
		return codes.OK, sent, received
	}
	return status.Code(err), sent, received
}

func request(port string, channels, concurrency int) {
	connections := make([]*grpc.ClientConn, channels)
	for number := range connections {
		connections[number] = dial(port)
	}
	slots := make(chan struct{}, concurrency)
	lines := bufio.NewScanner(os.Stdin)
	var running sync.WaitGroup
	for number := 0; lines.Scan(); number++ {
		o := new(order)
		if _, err := fmt.Sscan(lines.Text(), &o.id, &o.method, &o.messages, &o.answers, &o.payloadBytes,
			&o.status, &o.delayMs, &o.deadlineMs, &o.cancelMs, &o.traceparent); err != nil {
			panic(err)
		}
		slots <- struct{}{}
		running.Add(1)
		go func(connection *grpc.ClientConn) {
			start := time.Now().UnixNano()
			code, sent, received := o.run(connection)
			print("%s %d %d %d %d %d\n", o.id, code, start, time.Now().UnixNano(), sent, received)
			<-slots
			running.Done()
		}(connections[number%channels])
	}
	running.Wait()
}

func main() {
	if os.Args[1] == "server" {
		serve(os.Args[2], os.Args[3:])
		return
	}
	if os.Args[1] == "gateway" {
		gateway(os.Args[2], os.Args[3])
		return
	}
	channels, _ := strconv.Atoi(os.Args[3])
	concurrency, _ := strconv.Atoi(os.Args[4])
	request(os.Args[2], channels, concurrency)
}

package mqtt

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// serve runs a scripted server; each connection is closed when its script ends
// and when the test does.
func serve(t *testing.T, script func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() { script(c); _ = c.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

// acknowledge is the least that passes for a broker. It goes on while each
// publication's topic pleases.
func acknowledge(c net.Conn, r *bufio.Reader, pleases func(topic string) bool) {
	for {
		packet, err := packets.ReadPacket(r)
		if err != nil {
			return
		}
		var answer packets.ControlPacket
		switch p := packet.(type) {
		case *packets.ConnectPacket:
			answer = packets.NewControlPacket(packets.Connack)
		case *packets.SubscribePacket:
			a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			a.MessageID, a.ReturnCodes = p.MessageID, []byte{0}
			answer = a
		case *packets.PublishPacket:
			if !pleases(p.TopicName) {
				return
			}
			if p.Qos == 0 {
				continue
			}
			a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			a.MessageID = p.MessageID
			answer = a
		case *packets.PingreqPacket:
			answer = packets.NewControlPacket(packets.Pingresp)
		default:
			return
		}
		if answer.Write(c) != nil {
			return
		}
	}
}

// proxy stands before a broker and can cut every connection, as a pulled
// cable does sooner or later.
type proxy struct {
	at    string
	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, broker string) *proxy {
	t.Helper()
	p := &proxy{}
	p.at = serve(t, func(c net.Conn) {
		up, err := net.Dial("tcp", strings.TrimPrefix(broker, "tcp://"))
		if err != nil {
			return
		}
		defer func() { _ = up.Close() }()
		p.mu.Lock()
		p.conns = append(p.conns, c, up)
		p.mu.Unlock()
		done := make(chan struct{})
		go func() { defer close(done); _, _ = io.Copy(up, c); _ = up.Close() }()
		_, _ = io.Copy(c, up)
		_ = c.Close()
		<-done
	})
	return p
}

func (p *proxy) address() string { return p.at }

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

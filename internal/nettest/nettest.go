// Package nettest is a TCP proxy that misbehaves on demand: it refuses, stalls,
// cuts, swallows answers and corrupts them. It stands between a client under
// test and a real or simulated server.
//
// It knows no protocol, listens only on loopback and is never part of the
// program.
package nettest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// Mode is how the proxy behaves.
type Mode int

// The modes.
const (
	Pass      Mode = iota // forwards both ways
	Refuse                // nothing listens: connecting fails at once
	Stall                 // connections open and stay silent; nothing is forwarded
	Cut                   // connections open and are reset before anything is forwarded
	CutAnswer             // requests are forwarded; the first byte of an answer resets the connection instead
	Corrupt               // every byte of an answer arrives inverted
)

// Proxy forwards connections to a target, in its current mode.
type Proxy struct {
	target, address string

	mu       sync.Mutex
	mode     Mode
	listener net.Listener // nil while refusing
	open     map[net.Conn]bool
	swallow  int // answers cut since the start
	running  sync.WaitGroup
}

// Listen starts a proxy before target ("127.0.0.1:8086") on a free loopback
// port, in mode Pass. It ends with the test.
func Listen(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, address: "127.0.0.1:0", mode: Refuse, open: map[net.Conn]bool{}}
	if err := p.listen(Pass); err != nil {
		t.Fatalf("starting the proxy: %v", err)
	}
	t.Cleanup(func() {
		p.Set(t, Refuse)
		p.running.Wait()
	})
	return p
}

// Addr is where the proxy listens, host:port; the same for its whole life.
func (p *Proxy) Addr() string { return p.address }

// Cuts is how many answers were swallowed by CutAnswer.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swallow
}

// Set changes the mode. Connections that are open are reset, so that none goes
// on in the old one.
func (p *Proxy) Set(t testing.TB, mode Mode) {
	t.Helper()
	p.mu.Lock()
	refused := p.mode == Refuse
	if !refused || mode == Refuse {
		p.mode = mode
	}
	if mode == Refuse && p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for c := range p.open {
		reset(c)
	}
	p.mu.Unlock()
	if !refused || mode == Refuse {
		return
	}
	if err := p.listen(mode); err != nil {
		t.Fatalf("reopening the proxy: %v", err)
	}
}

// listen opens the port, from the second time on the same one again.
func (p *Proxy) listen(mode Mode) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", p.address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.address, p.listener, p.mode = l.Addr().String(), l, mode
	p.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(c) })
		}
	})
	return nil
}

// serve carries one connection.
func (p *Proxy) serve(client net.Conn) {
	mode := p.keep(client)
	defer p.drop(client)
	switch mode {
	case Cut, Refuse:
		reset(client)
		return
	case Stall:
		// Reading ends when the client gives up or the mode changes.
		for buf := make([]byte, 1024); ; {
			if _, err := client.Read(buf); err != nil {
				return
			}
		}
	}
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp4", p.target)
	if err != nil {
		reset(client)
		return
	}
	p.keep(server)
	defer p.drop(server)
	p.running.Go(func() {
		pump(server, client, func([]byte) bool { return true })
		_ = server.Close()
	})
	pump(client, server, func(b []byte) bool { return p.answer(mode, client, b) })
}

// answer treats a piece of an answer; false ends the connection.
func (p *Proxy) answer(mode Mode, client net.Conn, b []byte) bool {
	switch mode {
	case CutAnswer:
		p.mu.Lock()
		p.swallow++
		p.mu.Unlock()
		reset(client)
		return false
	case Corrupt:
		for i := range b {
			b[i] = ^b[i]
		}
	}
	return true
}

func pump(to, from net.Conn, treat func([]byte) bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !treat(buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) keep(c net.Conn) Mode {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	return p.mode
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// reset closes with a TCP reset, as a crashed or cut-off peer does.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

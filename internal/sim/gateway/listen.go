package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"envoyd/internal/sim/fault"
)

// sniffTime is how long a connection may stay silent before it is closed.
const sniffTime = 10 * time.Second

// sniffer is a listener that looks at the first byte of each connection and
// hands on TLS and plain ones alike, or resets them when the fault says so.
type sniffer struct {
	net.Listener
	gateway *Gateway
	ready   chan net.Conn
	closed  chan struct{}
	once    sync.Once
	loop    sync.WaitGroup // accepting
	done    sync.WaitGroup // sniffing

	mu    sync.Mutex
	conns map[*peeked]struct{}
}

func newSniffer(l net.Listener, g *Gateway) *sniffer {
	s := &sniffer{
		Listener: l, gateway: g, ready: make(chan net.Conn), closed: make(chan struct{}), conns: map[*peeked]struct{}{},
	}
	s.loop.Go(s.accept)
	return s
}

// accept takes connections until the listener is closed.
func (s *sniffer) accept() {
	for {
		raw, err := s.Listener.Accept()
		if err != nil {
			return
		}
		c := &peeked{Conn: raw, sniffer: s}
		s.gateway.connected()
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.done.Go(func() { s.sniff(c) })
	}
}

// sniff decides what a connection speaks.
func (s *sniffer) sniff(c *peeked) {
	c.read = bufio.NewReader(c.Conn)
	if err := c.SetReadDeadline(time.Now().Add(sniffTime)); err != nil {
		c.reset()
		return
	}
	first, err := c.read.Peek(1)
	if err != nil {
		c.reset()
		return
	}
	secure := first[0] == 0x16
	if s.refused(c, secure) {
		c.reset()
		return
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		c.reset()
		return
	}
	var conn net.Conn = c
	if secure {
		conn = tls.Server(c, s.gateway.tlsConfig())
	}
	select {
	case s.ready <- conn:
	case <-s.closed:
		c.reset()
	}
}

// refused says whether a connection is to be reset: TLS with a firmware that
// has none, or anything but the switches themselves while Refuse is on.
func (s *sniffer) refused(c *peeked, secure bool) bool {
	if secure {
		return !s.gateway.cfg.Site.Identity().Tokens() || s.gateway.faults.Take(fault.Refuse, "")
	}
	if !s.gateway.faults.On(fault.Refuse, "") {
		return false
	}
	head, err := c.read.Peek(len("POST /_sim"))
	if err == nil && bytes.Contains(head, []byte(" /_si")) {
		return false
	}
	return s.gateway.faults.Take(fault.Refuse, "")
}

// Accept returns the next connection that is to be served.
func (s *sniffer) Accept() (net.Conn, error) {
	select {
	case c := <-s.ready:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close stops listening. Connections stay as they are.
func (s *sniffer) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Listener.Close()
}

// dropAll resets every connection, those that are switching too if all.
func (s *sniffer) dropAll(all bool) {
	s.mu.Lock()
	list := make([]*peeked, 0, len(s.conns))
	for c := range s.conns {
		if all || !c.switching.Load() {
			list = append(list, c)
		}
	}
	s.mu.Unlock()
	for _, c := range list {
		c.reset()
	}
}

// wait resets what is left of a closed listener and returns when its last
// goroutine has ended.
func (s *sniffer) wait() {
	s.loop.Wait()
	s.dropAll(true)
	s.done.Wait()
}

// peeked is a connection of which the first bytes were looked at.
type peeked struct {
	net.Conn
	sniffer   *sniffer
	read      *bufio.Reader
	switching atomic.Bool // it carries a /_sim request, which is to be answered before it ends
}

// connKey finds the connection of a request in its context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// spare keeps the connection of a request from being reset by what it asks for.
func spare(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(*peeked); ok {
		c.switching.Store(true)
	}
}

// Read reads what was looked at, then the rest.
func (c *peeked) Read(p []byte) (int, error) { return c.read.Read(p) }

// Close closes the connection and forgets it.
func (c *peeked) Close() error {
	c.sniffer.mu.Lock()
	delete(c.sniffer.conns, c)
	c.sniffer.mu.Unlock()
	return c.Conn.Close()
}

// reset closes the connection such that the other side sees a reset.
func (c *peeked) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // a connection that is gone is as good as reset
	}
	c.Close() //nolint:errcheck // it is being thrown away
}

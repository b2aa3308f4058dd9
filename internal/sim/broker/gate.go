package broker

import (
	"net"
	"sync"
	"time"
)

// gate is a listener that knows which of its connections the server has not
// yet let go of.
type gate struct {
	net.Listener

	mu     sync.Mutex
	open   map[*visitor]struct{}
	closed bool
	empty  chan struct{} // closed when the gate is closed and nobody is left
}

func newGate(l net.Listener) *gate {
	return &gate{Listener: l, open: map[*visitor]struct{}{}, empty: make(chan struct{})}
}

// Accept lets a connection in, unless the gate was closed meanwhile.
func (g *gate) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	v := &visitor{Conn: c, gate: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		c.Close() //nolint:errcheck // nobody used it
		return nil, net.ErrClosed
	}
	g.open[v] = struct{}{}
	return v, nil
}

// Close lets nobody in any more. Closing twice is harmless.
func (g *gate) Close() error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		g.report()
	}
	g.mu.Unlock()
	return g.Listener.Close()
}

// drop breaks every connection; the server then lets go of it.
func (g *gate) drop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for v := range g.open {
		v.Conn.Close() //nolint:errcheck // it is being thrown away
	}
}

// wait waits until the server has let go of every connection of a closed gate.
func (g *gate) wait(limit time.Duration) bool {
	select {
	case <-g.empty:
		return true
	case <-time.After(limit):
		return false
	}
}

// leave forgets a connection.
func (g *gate) leave(v *visitor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.open[v]; ok {
		delete(g.open, v)
		g.report()
	}
}

// report tells the waiting one when nobody is left. The lock is held.
func (g *gate) report() {
	if g.closed && len(g.open) == 0 {
		close(g.empty)
	}
}

// visitor is a connection that the server has to let go of.
type visitor struct {
	net.Conn
	gate *gate
}

// Close is called by the server when it is done with the connection.
func (v *visitor) Close() error {
	v.gate.leave(v)
	return v.Conn.Close()
}

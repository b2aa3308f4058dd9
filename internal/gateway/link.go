package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/trust"
)

const (
	maxBody    = 8 << 20          // after decompression; the largest answer seen is below 200 KB
	maxHeader  = 64 << 10         // all header lines of an answer
	idleFor    = 50 * time.Second // gateways close an idle connection after a minute
	plainReuse = 10 * time.Second // see spent
)

// errLinkGone says that the connection ended between two requests; nothing of
// the request at hand was taken by the gateway.
var errLinkGone = errors.New("the connection was closed")

// link is one checked connection. Its transport is handed that connection and
// dials no other, so that whatever is sent over a link goes to the host whose
// key and serial were checked on it.
//
// Some gateways end the connection after every answer. Then nothing could ever
// be sent on the connection that was checked, so such a link may dial again,
// and only the host with exactly the same key is let in.
type link struct {
	target    target
	dialer    dialer
	address   string
	key       trust.Key // zero: plain HTTP
	opened    time.Time
	transport *http.Transport

	mu     sync.Mutex
	conn   net.Conn // not handed to the transport yet
	closes bool     // the gateway ends the connection after each answer
}

// openLink connects to t and checks the key.
func openLink(ctx context.Context, d dialer, t target) (*link, error) {
	conn, key, err := d.open(ctx, t)
	if err != nil {
		return nil, err
	}
	l := &link{
		target: t, dialer: d, address: shortAddress(conn.RemoteAddr()), key: key, opened: time.Now(), conn: conn,
	}
	hand := func(ctx context.Context, _, _ string) (net.Conn, error) { return l.next(ctx) }
	l.transport = &http.Transport{
		DialContext: hand, DialTLSContext: hand,
		Proxy:           nil, // whatever the environment says: the gateway is on this network
		MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleFor,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // done here, to bound what comes out of it
	}
	l.transport.Protocols = new(http.Protocols)
	l.transport.Protocols.SetHTTP1(true)
	return l, nil
}

// next gives the transport its connection.
func (l *link) next(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	conn, closes := l.conn, l.closes
	l.conn = nil
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	if !closes {
		return nil, errLinkGone
	}
	d := l.dialer
	d.check = func(address string, key trust.Key) error {
		if key.SHA256 != l.key.SHA256 {
			return &fault.Error{Kind: fault.Security, Err: fmt.Errorf("%w: at %s", trust.ErrOtherKey, address)}
		}
		return l.dialer.check(address, key)
	}
	conn, _, err := d.open(ctx, l.target)
	return conn, err
}

// closesEach notes that the gateway ends the connection after each answer. It
// reports whether that is news.
func (l *link) closesEach() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	news := !l.closes
	l.closes = true
	return news
}

// spent reports whether a link that may dial again has to be checked anew:
// with TLS for each request, by plain HTTP, which proves nothing anyhow and
// where the gateways are slow, each ten seconds.
func (l *link) spent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closes && (!l.key.IsZero() || time.Since(l.opened) > plainReuse)
}

func (l *link) close() {
	l.mu.Lock()
	conn := l.conn
	l.conn, l.closes = nil, false
	l.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // nothing was said on it that could be lost
	}
	l.transport.CloseIdleConnections()
}

// question is a request before anything secret is added.
type question struct {
	method, path string
	body         string
	html         bool // HTML is a good answer
	slow         bool
}

// reply is whatever came back.
type reply struct {
	status   int
	header   http.Header
	body     []byte
	closes   bool
	received time.Time
	latency  time.Duration
}

// authorizer adds what proves us to the gateway, or refuses to.
type authorizer func(l *link, q question, h http.Header) error

// do sends q and reads the answer to its last byte.
func (l *link) do(ctx context.Context, q question, authorize authorizer) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, l.target.base()+q.path, bytes.NewReader([]byte(q.body)))
	if err != nil {
		return reply{}, &fault.Error{Kind: fault.Config, Err: err}
	}
	req.Header.Set("User-Agent", "envoyd")
	req.Header.Set("Accept-Encoding", "gzip")
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if authorize != nil {
		if err := authorize(l, q, req.Header); err != nil {
			return reply{}, err
		}
	}
	start := time.Now()
	resp, err := l.transport.RoundTrip(req) // not http.Client: it would follow redirects
	if err != nil {
		return reply{}, err
	}
	if resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close() // an upgrade nobody asked for, which has no end and heeds no deadline
		return reply{}, fmt.Errorf("%w: status %d", ErrNotAGateway, resp.StatusCode)
	}
	body, err := readBody(resp)
	received := time.Now()
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: resp.StatusCode, header: resp.Header, body: body, closes: resp.Close,
		received: received, latency: received.Sub(start),
	}, nil
}

// readBody reads and closes a body, decompressed, up to maxBody.
func readBody(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }() // what matters was read or is given up
	var from io.Reader = resp.Body
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		unzip, err := gzip.NewReader(io.LimitReader(resp.Body, maxBody))
		if errors.Is(err, io.EOF) {
			return nil, nil // an empty body, which classify names
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		from = unzip
	}
	body, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBody)
	}
	if err != nil {
		return nil, fmt.Errorf("%w after %d bytes: %w", ErrTruncated, len(body), err)
	}
	return body, nil
}

package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/trust"
)

type sessionCache = tls.ClientSessionCache

// newSessionCache keeps a TLS session or two, so that a connection the gateway
// closed comes back without the costly half of the handshake.
func newSessionCache() sessionCache { return tls.NewLRUClientSessionCache(2) }

// dialer opens connections and lets check decide about the key each of them
// shows, before a byte of HTTP is sent. check may not remember anything: the
// host proves that it holds the key only as the handshake goes on.
type dialer struct {
	dial    dialFunc
	timeout time.Duration
	cache   sessionCache // nil: no session is resumed
	check   func(address string, key trust.Key) error
}

// dialError is a connection that did not come about, which leaves open who is
// there. A refused key is not one.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// open connects to t, whose scheme is decided, and returns the key that was
// shown; none by plain HTTP.
func (d dialer) open(ctx context.Context, t target) (net.Conn, trust.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := d.dial(ctx, "tcp", t.dialAddress())
	if err != nil {
		return nil, trust.Key{}, &dialError{err}
	}
	if t.scheme == schemeHTTP {
		return conn, trust.Key{}, nil
	}
	secure, key, err := d.handshake(ctx, conn)
	if err != nil {
		_ = conn.Close() // the handshake's error says more
		if !fault.Is(err, fault.Transient) {
			return nil, trust.Key{}, err
		}
		return nil, trust.Key{}, &dialError{fmt.Errorf("TLS handshake: %w", err)}
	}
	return secure, key, nil
}

func (d dialer) handshake(ctx context.Context, conn net.Conn) (net.Conn, trust.Key, error) {
	var key trust.Key
	address := shortAddress(conn.RemoteAddr())
	secure := tls.Client(conn, &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Gateways sign their own certificates and name no host in them, so
		// the usual verification can never succeed; the pin takes its place.
		InsecureSkipVerify: true, //nolint:gosec // see above
		ClientSessionCache: d.cache,
		// Called for resumed sessions too, unlike VerifyPeerCertificate.
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return &fault.Error{Kind: fault.Security, Err: trust.ErrNoKey}
			}
			key = trust.KeyOf(state.PeerCertificates[0])
			return d.check(address, key)
		},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, trust.Key{}, err
	}
	return secure, key, nil
}

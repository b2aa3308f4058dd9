package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// dial opens the connection below MQTT. It lives as long as ctx: when ctx
// ends, in the middle of a handshake or years later, the connection is closed,
// which is the only way to get paho out of a call to a mute broker. No proxy
// is used: a broker is a neighbour.
func (t target) dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	trying, done := context.WithTimeout(ctx, timeout)
	defer done()
	conn, err := t.open(trying)
	if err != nil {
		return nil, fmt.Errorf("opening a connection: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, nil
}

func (t target) open(ctx context.Context) (net.Conn, error) {
	if t.webSocket {
		return dialWebSocket(ctx, t)
	}
	if t.tls != nil {
		return (&tls.Dialer{Config: t.tls}).DialContext(ctx, "tcp", t.address)
	}
	return t.connect(ctx, "tcp", t.address)
}

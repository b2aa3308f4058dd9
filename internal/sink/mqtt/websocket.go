package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// dialWebSocket opens MQTT over WebSocket. paho's own helper can be bound to
// no context, hence this one over the same library.
func dialWebSocket(ctx context.Context, t target) (net.Conn, error) {
	d := websocket.Dialer{TLSClientConfig: t.tls, Subprotocols: []string{"mqtt"}}
	ws, answer, err := d.DialContext(ctx, t.url.String(), nil)
	if err != nil {
		if answer != nil && errors.Is(err, websocket.ErrBadHandshake) {
			return nil, fmt.Errorf("%w: the answer was %s", err, answer.Status)
		}
		return nil, err
	}
	ws.SetReadLimit(1 << 20) // Home Assistant's birth is all we are sent
	return &webSocketConn{Conn: ws}, nil
}

// webSocketConn makes a stream of a WebSocket's messages. One goroutine reads
// and one writes at a time, as paho does.
type webSocketConn struct {
	*websocket.Conn
	message io.Reader // the rest of the message being read
}

// Read reads on, from one message into the next.
func (c *webSocketConn) Read(p []byte) (int, error) {
	for {
		if c.message == nil {
			_, message, err := c.NextReader()
			if err != nil {
				return 0, err
			}
			c.message = message
		}
		n, err := c.message.Read(p)
		if errors.Is(err, io.EOF) {
			c.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write sends one message.
func (c *webSocketConn) Write(p []byte) (int, error) {
	if err := c.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetDeadline bounds both directions.
func (c *webSocketConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

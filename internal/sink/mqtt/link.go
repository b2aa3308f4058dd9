package mqtt

import (
	"context"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// link is one connection to the broker, never used again once it is lost:
// paho's own reconnecting completes tokens of messages that were never
// delivered, so it stays off and the supervisor makes a new link.
type link struct {
	client  paho.Client
	lost    chan error    // why the connection ended, at most one
	births  chan struct{} // Home Assistant came up
	denials chan struct{} // somebody said that we are offline
	drop    context.CancelFunc
}

// connect opens a link as clientID. With a will the broker says offline for us
// if the link dies. It gives up the moment ctx ends; afterwards the link no
// longer hangs on ctx, so that there can be a goodbye.
func (p *Publisher) connect(ctx context.Context, clientID string, will bool) (*link, error) {
	living, drop := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, drop)
	defer stop()
	l := &link{lost: make(chan error, 1), births: make(chan struct{}, 1), denials: make(chan struct{}, 1), drop: drop}
	l.client = paho.NewClient(p.options(living, l, clientID, will))
	connecting := l.client.Connect()
	<-connecting.Done() // drop ends it, as do the timeouts in options
	if err := ctx.Err(); err != nil {
		l.abandon()
		return nil, err
	}
	if err := connecting.Error(); err != nil {
		l.abandon()
		return nil, p.explain("connecting to", err)
	}
	return l, nil
}

// options are the ones under which paho's tokens tell the truth.
func (p *Publisher) options(living context.Context, l *link, clientID string, will bool) *paho.ClientOptions {
	o := paho.NewClientOptions().
		AddBroker("tcp://" + p.target.address). // only a label: the dialer below knows better
		SetClientID(clientID).
		SetUsername(p.cfg.Username).
		SetPassword(p.cfg.Password.Reveal()).
		SetProtocolVersion(4). // without it a mute broker is tried twice
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(false).
		SetConnectTimeout(p.limits.connect).
		SetWriteTimeout(p.limits.write).
		SetKeepAlive(p.limits.keepAlive).
		SetPingTimeout(p.limits.ping).
		SetStore(paho.NewMemoryStore()).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
			return p.target.dial(living, p.limits.connect)
		}).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			select {
			case l.lost <- err:
			default:
			}
		})
	if will {
		o.SetWill(p.topics.status(), offline, 1, true)
	}
	return o
}

// listen subscribes to Home Assistant's status topic, unless birth is empty, and
// to our own. What is retained is history: we are about to say everything.
func (l *link) listen(ctx context.Context, birth, own string, timeout time.Duration) error {
	topics := map[string]byte{own: 1}
	if birth != "" {
		topics[birth] = 0
	}
	return wait(ctx, l.client.SubscribeMultiple(topics, func(_ paho.Client, m paho.Message) {
		up := string(m.Payload()) == online
		switch {
		case m.Retained():
		case m.Topic() == own && !up:
			signal(l.denials)
		case m.Topic() == birth && up:
			signal(l.births)
		}
	}), timeout)
}

// signal notes an event that nobody may have taken note of yet.
func signal(events chan struct{}) {
	select {
	case events <- struct{}{}:
	default:
	}
}

// publish hands a retained message to the network. It returns when the message
// is on its way, at the latest after the write timeout; the token completes
// with the broker's acknowledgement.
func (l *link) publish(m message) paho.Token {
	return l.client.Publish(m.topic, m.qos, true, m.payload)
}

// end takes leave in order, so that the broker does not send the will.
func (l *link) end() {
	l.client.Disconnect(250)
	l.drop()
}

// abandon cuts the connection, so that the broker sends the will, and stops
// paho's goroutines.
func (l *link) abandon() {
	l.drop()
	l.client.Disconnect(50)
}

// wait waits for a token, but no longer than timeout and ctx.
func wait(ctx context.Context, t paho.Token, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-timer.C:
		return errMute
	case <-ctx.Done():
		return ctx.Err()
	}
}

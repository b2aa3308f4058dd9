// Package broker is a small MQTT broker with a login of its own, for demos and
// tests: mochi, in this process, behind one helper that knows how to close it.
//
// It keeps nothing on disk and is never part of the product.
package broker

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Config says where the broker listens and who may log in.
type Config struct {
	Address  string       // host:port; port 0 = a free one
	Listener net.Listener // instead of Address
	User     string       // "" = a random one
	Password string       // "" = a random one
	Log      *slog.Logger // nil = silent
}

// sysTopics is how often the broker publishes its own figures. Nobody reads
// them, and collecting them stops the whole process for a moment.
const sysTopics = time.Hour

// Broker is a running broker. Close it.
type Broker struct {
	server         *mqtt.Server
	gate           *gate
	user, password string
}

// New begins to listen.
func New(cfg Config) (*Broker, error) {
	b := &Broker{user: cfg.User, password: cfg.Password}
	if b.user == "" {
		b.user = "demo-" + rand.Text()[:6]
	}
	if b.password == "" {
		b.password = rand.Text()
	}
	l := cfg.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", cfg.Address); err != nil { //nolint:noctx // it listens until Close
			return nil, fmt.Errorf("listening as the MQTT broker at %s: %w", cfg.Address, err)
		}
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b.gate = newGate(l)
	b.server = mqtt.New(&mqtt.Options{Logger: log, SysTopicResendInterval: int64(sysTopics / time.Second)})
	err := errors.Join(
		b.server.AddHook(&login{user: b.user, password: b.password}, nil),
		b.server.AddListener(listeners.NewNet("tcp", b.gate)),
	)
	if err == nil {
		err = b.server.Serve()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the MQTT broker: %w", err), l.Close())
	}
	return b, nil
}

// Addr is where the broker listens, host:port.
func (b *Broker) Addr() string { return b.gate.Addr().String() }

// User and Password are the only login.
func (b *Broker) User() string { return b.user }

// Password is the one that belongs to User.
func (b *Broker) Password() string { return b.password }

// URL is the address with the login in it: mqtt://USER:PASSWORD@HOST:PORT.
func (b *Broker) URL() string {
	u := url.URL{Scheme: "mqtt", User: url.UserPassword(b.user, b.password), Host: b.Addr()}
	return u.String()
}

// Drop breaks every connection; clients may come back at once.
func (b *Broker) Drop() { b.gate.drop() }

// Close ends the broker. Its clients go first and are waited for, because the
// server's own Close races with connections that are just being made.
func (b *Broker) Close() error {
	if err := b.gate.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the MQTT broker: %w", err)
	}
	b.gate.drop()
	if !b.gate.wait(10 * time.Second) {
		return errors.New("closing the MQTT broker: a connection did not end")
	}
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("closing the MQTT broker: %w", err)
	}
	return nil
}

// login lets one user in, to every topic.
type login struct {
	mqtt.HookBase
	user, password string
}

// ID names the hook.
func (*login) ID() string { return "login" }

// Provides tells which questions the hook answers.
func (*login) Provides(b byte) bool { return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck }

// OnConnectAuthenticate checks user and password.
func (l *login) OnConnectAuthenticate(_ *mqtt.Client, p packets.Packet) bool {
	user := subtle.ConstantTimeCompare(p.Connect.Username, []byte(l.user))
	return user&subtle.ConstantTimeCompare(p.Connect.Password, []byte(l.password)) == 1
}

// OnACLCheck allows everything to who is in.
func (*login) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// Package gateway holds the conversation with one gateway on the LAN: finding
// out whether it speaks HTTPS, making it prove its key, logging in, asking one
// question at a time and sorting the answers into bodies and faults.
//
// Whoever answers is a stranger until its key (internal/trust) and the serial
// at /info have been checked on the very connection that is used, and only then
// a token, a cookie or a digest response is sent. A redirect is never followed,
// a proxy never used. The package knows nothing of measurements and never tries
// anything twice, but for a connection that the gateway closed while idle and a
// session that it forgot.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/firmware"
	"envoyd/internal/secret"
	"envoyd/internal/trust"
)

// Config says which gateway to talk to and with what. Zero durations are
// defaults.
type Config struct {
	Serial   string      // 12 digits; a host with another one is refused
	Pins     []string    // configured keys (SHA-256, hex); they win over the Book
	Password secret.Text // of the user envoy, firmware below 7; default: last six digits of the serial
	// Token returns the newest usable token, zero when there is none. While
	// there is one, the gateway is never spoken to by plain HTTP.
	Token        func() secret.Text
	Book         *trust.Book // default: one in memory
	ClockTrusted func() bool // whether our clock is synchronised; default: never
	Log          *slog.Logger
	// Dial opens connections; default: the host's network. For tests without one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	ConnectTimeout time.Duration // TCP and TLS; 5 s
	NativeTimeout  time.Duration // whole answer of a fast endpoint; 10 s
	SlowTimeout    time.Duration // whole answer of the user-interface pages; 60 s
}

// Info is what a gateway says of itself at /info, and over what it said so.
// Nothing of it but Key is proved.
type Info struct {
	Serial, PartNumber string
	Firmware           firmware.Version
	IMeter, WebTokens  bool
	Time               time.Time // the gateway's clock, whole seconds; zero when it gives none
	Received           time.Time // ours, when the last byte had come
	Address            string    // IP, with port when that is not 443 or 80: may be given to Connect again
	Scheme             string    // https or http
	Key                trust.Key // zero with http
}

// Answer is the body of a successful request.
type Answer struct {
	Path     string
	Body     []byte
	Received time.Time        // when the last byte had come
	Latency  time.Duration    // from the start of sending to the last byte
	Firmware firmware.Version // as /info said when the connection in use was opened
}

// Client talks to one gateway over one connection. It is safe for concurrent
// use; requests wait for their turn.
type Client struct {
	cfg  Config
	log  *slog.Logger
	dial dialFunc
	tls  sessionCache
	turn chan struct{} // holds one element while a request is under way

	// What follows belongs to whoever has the turn.
	target  target // of the last successful Connect
	link    *link
	info    Info
	session session
	digest  digest
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// New returns a Client that has not connected yet.
func New(cfg Config) *Client {
	if cfg.Token == nil {
		cfg.Token = func() secret.Text { return secret.Text{} }
	}
	if cfg.ClockTrusted == nil {
		cfg.ClockTrusted = func() bool { return false }
	}
	if cfg.Book == nil {
		cfg.Book = trust.Memory()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Password.IsZero() && len(cfg.Serial) == 12 {
		cfg.Password = secret.New(cfg.Serial[6:])
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	cfg.ConnectTimeout = orDefault(cfg.ConnectTimeout, 5*time.Second)
	cfg.NativeTimeout = orDefault(cfg.NativeTimeout, 10*time.Second)
	cfg.SlowTimeout = orDefault(cfg.SlowTimeout, time.Minute)
	return &Client{
		cfg: cfg, log: cfg.Log.With("gateway", cfg.Serial),
		dial: cfg.Dial, tls: newSessionCache(), turn: make(chan struct{}, 1),
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Connect opens a connection to address (host, host:port or URL; IPv6 in
// brackets) and checks who is there: the key in the handshake, the serial at
// /info. HTTPS is tried first; plain HTTP only with a serial that is not known
// to speak HTTPS while there is neither token nor pin. An earlier connection is
// closed first. The login happens with the first Get.
//
// Faults: Security for another key or serial, Config for an unusable address,
// Transient for the rest.
func (c *Client) Connect(ctx context.Context, address string) (Info, error) {
	done, err := c.takeTurn(ctx)
	if err != nil {
		return Info{}, err
	}
	defer done()
	c.drop()
	c.target = target{}
	if err := trust.CheckSerial(c.cfg.Serial); err != nil {
		return Info{}, err
	}
	t, err := parseTarget(address)
	if err != nil {
		return Info{}, err
	}
	info, err := c.probe(ctx, t)
	if err != nil {
		c.drop()
		return Info{}, c.wrap("connecting to gateway "+c.cfg.Serial+" at "+t.String(), err)
	}
	return info, nil
}

// Info asks /info again: the gateway's clock, a change of firmware.
func (c *Client) Info(ctx context.Context) (Info, error) {
	done, err := c.takeTurn(ctx)
	if err != nil {
		return Info{}, err
	}
	defer done()
	info, err := c.refresh(ctx)
	if err != nil {
		c.drop()
		return Info{}, c.wrap("asking gateway "+c.cfg.Serial+" for /info", err)
	}
	return info, nil
}

// Close ends the connection, after the request under way: cancel its context
// first. A later Connect opens a new one.
func (c *Client) Close() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.drop()
	c.target = target{}
}

// takeTurn waits until no other request is under way.
func (c *Client) takeTurn(ctx context.Context) (done func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, &fault.Error{Op: "waiting for the gateway " + c.cfg.Serial, Err: ctx.Err()}
	}
}

// drop closes the connection.
func (c *Client) drop() {
	if c.link != nil {
		c.link.close()
		c.link = nil
	}
}

// wrap says what was being done, keeping kind, mend and wish of the cause.
func (c *Client) wrap(op string, err error) error {
	mend := fault.Mend(err)
	if _, away := errors.AsType[*dialError](err); away && mend == "" {
		mend = "Check that the gateway has power, is on this network, and that the address configured for it is right."
	}
	return &fault.Error{Kind: fault.KindOf(err), Op: op, Mend: mend, After: fault.After(err), Err: err}
}

// Package gateway is the HTTP face of a simulated IQ Gateway: one port that
// takes TLS and plain HTTP, a self-signed certificate, the login of the
// firmware it plays, the web server's pages and headers, and every way such a
// gateway fails.
//
// What it shows comes from a Site: a modelled home (package page) or a
// recording (package replay). It does not imitate the inside of a gateway, only
// what can be seen from the LAN.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/site"
)

// Site is what a gateway shows.
type Site interface {
	Identity() site.Identity
	Page(site.Request) site.Page
}

// Action is a switch that is no lasting fault; it answers with something that
// can be written as JSON.
type Action func(query func(name string) string) (any, error)

// Config says how to build a Gateway. Address and Site are needed.
type Config struct {
	Address  string                   // where to listen, host:port; port 0 = a free one
	Listener net.Listener             // instead of Address, for tests without a network
	Site     Site                     // what is shown
	Accept   func(token string) error // whether a token is good; nil = none is
	Password string                   // of the user envoy, firmware below 7; "" = last six digits of the serial
	Strict   bool                     // from 7 on want the session cookie, not only a Bearer with a session
	Idle     time.Duration            // after which a session is forgotten; 0 = 10 min
	Latency  time.Duration            // of a native page; slow ones take ten times that, one at a time; 0 = none
	CertLife time.Duration            // from now until the certificate ends; 0 = a year; negative = it has ended
	Faults   *fault.Switches          // nil = healthy
	Actions  map[string]Action        // more switches under /_sim
	Moved    func(address string)     // told after each Move; may be nil
	Log      *slog.Logger             // nil = silent
}

// Gateway is a listening simulated gateway. Close it.
type Gateway struct {
	cfg      Config
	log      *slog.Logger
	faults   *fault.Switches
	sessions *sessions
	digest   *digest
	slow     chan struct{} // one page at a time
	ctx      context.Context
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu      sync.Mutex
	ports   []port // the last is the present one
	cert    certificate
	frozen  map[string]site.Page
	traffic Traffic
}

// idleTime is how long the front end keeps a connection that is not used.
const idleTime = 65 * time.Second

// port is an address the gateway has or had, with what is still open there.
type port struct {
	*sniffer
	server *http.Server
}

// New begins to listen.
func New(cfg Config) (*Gateway, error) {
	g := &Gateway{
		cfg: cfg, log: cfg.Log, faults: cfg.Faults, slow: make(chan struct{}, 1),
		frozen: map[string]site.Page{}, traffic: Traffic{Requests: map[string]int{}},
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if g.faults == nil {
		g.faults = &fault.Switches{}
	}
	id := cfg.Site.Identity()
	g.sessions = newSessions(cfg.Idle)
	g.digest = &digest{password: cfg.Password}
	if cfg.Password == "" && len(id.Serial) >= 6 {
		g.digest.password = id.Serial[len(id.Serial)-6:]
	}
	cert, err := newCertificate(id.Serial, nil, cfg.CertLife)
	if err != nil {
		return nil, err
	}
	g.cert = cert
	g.ctx, g.stop = context.WithCancel(context.Background())
	if err := g.open(cfg.Listener, cfg.Address); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// open starts serving on l, or at address when l is nil.
func (g *Gateway) open(l net.Listener, address string) error {
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(g.ctx, "tcp", address); err != nil {
			return fmt.Errorf("listening as the gateway at %s: %w", address, err)
		}
	}
	s := newSniffer(l, g)
	server := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       idleTime,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return g.ctx },
		ConnContext:       withConn,
	}
	g.mu.Lock()
	g.ports = append(g.ports, port{s, server})
	g.mu.Unlock()
	g.done.Go(func() {
		err := server.Serve(s)
		if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			g.log.Error("gateway stopped serving", "error", err)
		}
	})
	return nil
}

// Addr is the address the gateway listens at now, host:port.
func (g *Gateway) Addr() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ports[len(g.ports)-1].Addr().String()
}

// URL is Addr with the scheme of the firmware.
func (g *Gateway) URL() string {
	if g.cfg.Site.Identity().Tokens() {
		return "https://" + g.Addr()
	}
	return "http://" + g.Addr()
}

// Faults are the gateway's switches. Refuse is better thrown with Throw, which
// also closes the open connections.
func (g *Gateway) Faults() *fault.Switches { return g.faults }

// Throw throws a switch and lets it act on what is already open.
func (g *Gateway) Throw(kind fault.Kind, o fault.Options) {
	g.faults.Set(kind, o)
	if kind == fault.Refuse {
		g.DropConnections()
	}
	if kind == fault.Freeze {
		g.mu.Lock()
		clear(g.frozen)
		g.mu.Unlock()
	}
}

// DropConnections resets every open connection but the one that asks for it.
func (g *Gateway) DropConnections() {
	for _, p := range g.allPorts() {
		p.dropAll(false)
	}
}

func (g *Gateway) allPorts() []port {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ports)
}

// DropSessions forgets every session and every digest nonce, as a restart does.
func (g *Gateway) DropSessions() {
	g.sessions.drop()
	g.digest.forget()
}

// Move gives the gateway another address: the old port is closed at once and
// everything on it reset. It returns the new address.
func (g *Gateway) Move(address string) (string, error) {
	if address == "" {
		host, _, err := net.SplitHostPort(g.Addr())
		if err != nil {
			return "", fmt.Errorf("reading the present address: %w", err)
		}
		address = net.JoinHostPort(host, "0")
	}
	old := g.allPorts()
	if err := g.open(nil, address); err != nil {
		return "", err
	}
	for _, p := range old {
		p.Close() //nolint:errcheck // closing it again changes nothing
		p.dropAll(false)
	}
	if g.cfg.Moved != nil {
		g.cfg.Moved(g.Addr())
	}
	return g.Addr(), nil
}

// NewKey gives the gateway another key and certificate and resets all
// connections. It returns the new pin.
func (g *Gateway) NewKey() (string, error) { return g.renew(nil, 0) }

// RenewCertificate makes a new certificate with the present key, valid from
// now for life; a negative life makes one that has ended.
func (g *Gateway) RenewCertificate(life time.Duration) (string, error) {
	g.mu.Lock()
	key := g.cert.key
	g.mu.Unlock()
	return g.renew(key, life)
}

// Pin is the SHA-256 of the present certificate's public key, in hex.
func (g *Gateway) Pin() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cert.pin
}

// Close ends everything and waits for it.
func (g *Gateway) Close() error {
	g.stop()
	var first error
	for _, p := range g.allPorts() {
		p.Close() //nolint:errcheck // Move may have closed it already
		if err := p.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) && first == nil {
			first = fmt.Errorf("closing the gateway: %w", err)
		}
		p.wait()
	}
	g.done.Wait()
	return first
}

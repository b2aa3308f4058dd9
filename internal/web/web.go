// Package web shows what the daemon knows: the live page, the read API, the
// stream of readings, the history, the metrics and the health. It only reads:
// nothing that is sent to it changes anything, so it needs no login on the
// home network. The one exception, the way back from the owner's consent to
// the cloud, wants a link that only the owner was told.
//
// A page in somebody's browser must not be able to read it from elsewhere:
// only names that are ours are answered (against DNS rebinding), there is no
// CORS, and the page runs no script but its own file. Text that came from a
// gateway reaches the page as JSON and is set as text, never as HTML.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	"envoyd/internal/live"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// Config says what is shown. Hub, Board and Log are needed.
type Config struct {
	Listen string   // host:port
	Hosts  []string // further names it may be called by
	Hub    *live.Hub
	Board  *status.Board
	// History answers a query; ErrQuery marks what the one who asked got
	// wrong. Nil: there is no history.
	History func(ctx context.Context, q Query) (Series, error)
	// Gateways tells what is known of each gateway beside its readings. Nil:
	// nothing is.
	Gateways func() []Gateway
	// Daemon tells how the daemon's own parts fare. Nil: nothing is known.
	Daemon func() Daemon
	// Connect takes what a browser brings back from the owner's consent, and
	// changes something only while a link is open for it. Nil: none ever is.
	Connect func(query url.Values) Visit
	Version string
	Log     *slog.Logger
}

// Gateway is what is known of one gateway beside its readings.
type Gateway struct {
	Gateway      string    `json:"gateway"` // the installation
	Serial       string    `json:"serial"`
	Name         string    `json:"name"`
	Firmware     string    `json:"firmware,omitempty"`
	Address      string    `json:"address,omitempty"`
	Zone         string    `json:"zone,omitempty"` // IANA name
	Sources      []string  `json:"sources,omitempty"`
	TokenExpires time.Time `json:"token_expires,omitzero"`
	Polls        uint64    `json:"polls"`
	Failures     uint64    `json:"failures"`
	Refused      uint64    `json:"refused"` // values not believed
	// RefusedFor is how many were refused by reason, for the metrics.
	RefusedFor map[string]uint64 `json:"-"`
	Held       uint64            `json:"held"` // answers of which nothing was published
	LatencyMs  float64           `json:"latency_ms"`
	Cloud      *Cloud            `json:"cloud,omitempty"` // the same for every gateway
}

// Daemon is how the daemon's own parts fare.
type Daemon struct {
	Backlog      map[string]int // records not yet taken, by sink
	StoreBytes   int64
	StoreDropped uint64
	Cloud        *Cloud // nil without an application
}

// Cloud is what may still be asked of the Enlighten cloud.
type Cloud struct {
	Plan         string         `json:"plan"`
	MonthUsed    int            `json:"month_used"`
	MonthLimit   int            `json:"month_limit"`
	MinuteUsed   int            `json:"minute_used"`
	MinuteLimit  int            `json:"minute_limit"`
	UsedBy       map[string]int `json:"-"` // the month's by purpose, for the metrics
	BlockedUntil time.Time      `json:"blocked_until,omitzero"`
}

// Query asks for history. Zero values are the defaults: the only gateway, the
// last 24 hours, a minute.
type Query struct {
	Gateway  string
	From, To time.Time
	Step     time.Duration
}

// Series is history: a row for each step. The first of Columns is "time";
// Values are in the order of the others.
type Series struct {
	Columns []string
	Times   []time.Time
	Values  [][]reading.Value
	Step    time.Duration // between two rows; longer than asked where only coarser history is left; 0 = not told
}

// ErrQuery marks a query that cannot be answered as it is; its text is for the
// one who asked.
var ErrQuery = errors.New("bad query")

// maxStreams bounds how many browsers and programs may listen at once.
const maxStreams = 64

// Server is the web face.
type Server struct {
	cfg     Config
	handler http.Handler
	streams chan struct{} // a place per open stream
}

// New returns a Server that does not listen yet.
func New(cfg Config) *Server {
	if cfg.History == nil {
		cfg.History = func(context.Context, Query) (Series, error) { return Series{Columns: []string{"time"}}, nil }
	}
	if cfg.Gateways == nil {
		cfg.Gateways = func() []Gateway { return nil }
	}
	if cfg.Daemon == nil {
		cfg.Daemon = func() Daemon { return Daemon{} }
	}
	if cfg.Connect == nil {
		cfg.Connect = func(url.Values) Visit { return Closed }
	}
	s := &Server{cfg: cfg, streams: make(chan struct{}, maxStreams)}
	s.handler = s.routes()
	return s
}

// Handler answers without looking at the Host header, for the Unix socket.
func (s *Server) Handler() http.Handler { return s.handler }

// How long the server waits: for the next try to listen, for the headers and
// the whole of a request, for an answer to be taken (a stream sets its own
// limit for each event), for the next request on a connection, and at the end
// for answers on their way.
const (
	listenAgain    = 30 * time.Second
	headersWithin  = 10 * time.Second
	requestWithin  = 30 * time.Second
	answerWithin   = time.Minute
	idleConnection = 2 * time.Minute
	endWithin      = 2 * time.Second
)

// Run serves until ctx ends. A port that is taken is a condition and tried
// again: readings are kept and published all the same.
func (s *Server) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.serve(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		s.cfg.Board.Set("http", status.Red, err.Error(), "Stop the program that uses that address, or change http.listen.")
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
	return nil
}

func (s *Server) serve(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("the page cannot listen on %s: %w", s.cfg.Listen, err)
	}
	s.cfg.Board.Set("http", status.Green, "the page is at "+pageURL(l.Addr()), "")
	return s.Serve(ctx, l)
}

// pageURL names the page in a way that a browser can go to: an address that
// stands for all of this computer's is replaced by its name.
func pageURL(addr net.Addr) string {
	listening, err := netip.ParseAddrPort(addr.String())
	if err != nil || !listening.Addr().IsUnspecified() {
		return "http://" + addr.String() + "/"
	}
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return "http://" + net.JoinHostPort(name, strconv.Itoa(int(listening.Port()))) + "/"
}

// Serve answers on l until ctx ends; streams end with it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.guard(s.handler),
		ReadHeaderTimeout: headersWithin,
		ReadTimeout:       requestWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleConnection,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		if server.Shutdown(end) != nil {
			_ = server.Close() // who has not finished by now is cut off
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, f := range pageFiles() {
		mux.Handle("GET "+f.path, f)
	}
	mux.HandleFunc("GET /api/v1/readings", s.readings)
	mux.HandleFunc("GET /api/v1/readings/{gateway}", s.reading)
	mux.HandleFunc("GET /api/v1/stream", s.stream)
	mux.HandleFunc("GET /api/v1/history", s.history)
	mux.HandleFunc("GET /api/v1/gateways", s.gateways)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /connect/callback", s.callback)
	return mux
}

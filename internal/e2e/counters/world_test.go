package counters_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/sim/gateway"
)

// Addresses in the bubble's network.
const (
	gatewayAt = "127.0.0.1:443"
	secondAt  = "127.0.0.1:444"
	brokerAt  = "127.0.0.1:1883"
	influxAt  = "127.0.0.1:8086"
)

// noon of a summer day, when most of these stories begin.
var noon = time.Date(2026, 6, 21, 12, 0, 0, 0, time.UTC)

// options say which house it is and when.
type options struct {
	Sim    sim.Config
	Begin  time.Time // zero = noon
	Config string    // more YAML for the daemon
	Block  string    // more YAML for the gateway's block, in flow style
}

// world is a bubble with a simulated house, a daemon, a subscriber and a
// database in it.
type world struct {
	t     *testing.T
	opt   options
	dir   string
	sim   *sim.Sim
	edit  *editor
	net   map[string]*sim.Memory
	db    *database
	heard *subscriber
	log   *e2e.Log

	stop context.CancelFunc
	done chan error
}

// live plays a story in a bubble. The daemon is running when it begins.
func live(t *testing.T, opt options, story func(w *world)) {
	t.Helper()
	dir := t.TempDir() // outside the bubble: it outlives what is in it
	synctest.Test(t, func(t *testing.T) {
		if opt.Begin.IsZero() {
			opt.Begin = noon
		}
		time.Sleep(time.Until(opt.Begin))
		w := build(t, opt, dir)
		defer w.end()
		w.start()
		story(w)
	})
}

func build(t *testing.T, opt options, dir string) *world {
	w := &world{t: t, opt: opt, dir: dir, log: &e2e.Log{}, edit: &editor{}, net: map[string]*sim.Memory{}}
	for _, at := range []string{gatewayAt, secondAt, brokerAt, influxAt} {
		w.net[at] = sim.NewMemory()
	}
	cfg := opt.Sim
	cfg.Listener, cfg.BrokerListener = w.net[gatewayAt], w.net[brokerAt]
	cfg.Alter = func(s gateway.Site) gateway.Site { w.edit.Site = s; return w.edit }
	s, err := sim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.sim = s
	w.db = newDatabase(w)
	w.heard = subscribe(w)
	return w
}

// end takes the world down in order.
func (w *world) end() {
	w.halt()
	w.heard.close()
	w.db.close()
	if err := w.sim.Close(); err != nil {
		w.t.Error("closing the simulated home:", err)
	}
	for _, n := range w.net {
		_ = n.Close() // never fails
	}
	if w.t.Failed() {
		w.t.Log("the daemon's log:\n" + tail(w.log.String(), 6000))
	}
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// dial is the bubble's network.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n, ok := w.net[address]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("nobody at %s", address)}
	}
	return n.Dial(ctx, network, address)
}

// file writes a file into the world's folder and returns its path.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// block is one gateway of the configuration.
func (w *world) block(s *sim.Sim, address, more string) string {
	serial := s.Identity().Serial
	block := fmt.Sprintf("serial: %q, name: Home, address: %q", serial, address)
	if s.Identity().Tokens() {
		block += ", token_file: " + w.file("token-"+serial, s.Token())
	}
	return "{" + strings.TrimSuffix(block+", "+more, ", ") + "}"
}

// configure writes the configuration for the gateways given.
func (w *world) configure(blocks ...string) {
	w.t.Helper()
	w.file("envoyd.yaml", fmt.Sprintf(`gateways: [%s]
mqtt: {url: "mqtt://%s", username: %q, password_file: %s}
influx: {url: "http://%s", org: home, bucket: solar, token: the-token}
store: {path: %s}
http: {listen: ""}
%s`, strings.Join(blocks, ", "), brokerAt, w.sim.Broker.User(), w.file("mqtt", w.sim.Broker.Password()),
		influxAt, w.state(""), w.opt.Config))
}

// state is a path in the daemon's state folder.
func (w *world) state(name string) string { return filepath.Join(w.dir, "state", name) }

// start starts the daemon; its configuration is written first when there is none.
func (w *world) start() {
	w.t.Helper()
	path := filepath.Join(w.dir, "envoyd.yaml")
	if _, err := os.Stat(path); err != nil {
		w.configure(w.block(w.sim, gatewayAt, w.opt.Block))
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.done = stop, make(chan error, 1)
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opt := app.Options{Version: "test", Log: log, Dial: w.dial, Load: func() (*config.Config, error) { return config.Load(path) }}
	go func() { w.done <- app.Run(ctx, opt) }()
}

// halt stops the daemon as systemd does.
func (w *world) halt() {
	w.t.Helper()
	if w.stop == nil {
		return
	}
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Error("the daemon ended with:", err)
	}
	w.stop = nil
}

// pass lets time pass.
func (w *world) pass(d time.Duration) { time.Sleep(d) }

// until lets time pass until a moment.
func (w *world) until(moment time.Time) { time.Sleep(time.Until(moment)) }

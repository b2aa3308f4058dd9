package outage_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/config"
	"envoyd/internal/e2e"
	"envoyd/internal/secret"
	"envoyd/internal/sim"
	"envoyd/internal/sim/cloud"
	"envoyd/internal/store"
)

// Addresses in the bubble's network.
const (
	gatewayAt = "127.0.0.1:8443"
	influxAt  = "127.0.0.1:8086"
)

// bubble is a house on fake time with a daemon, a cloud and a database in it.
type bubble struct {
	t    *testing.T
	dir  string
	sim  *sim.Sim
	net  map[string]*sim.Memory
	log  *e2e.Log
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	lines map[string]string // of power: series and time, fields
	twice []string
}

// inBubble builds the house at a moment; reports take as long as in reality
// until they are in the cloud.
func inBubble(t *testing.T, begin time.Time, story func(b *bubble)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(begin))
		b := &bubble{t: t, dir: dir, log: &e2e.Log{}, lines: map[string]string{}, net: map[string]*sim.Memory{
			gatewayAt: sim.NewMemory(), influxAt: sim.NewMemory(),
		}}
		vendor := sim.NewMemory()
		s, err := sim.Start(sim.Config{
			Listener: b.net[gatewayAt], CloudOn: vendor,
			API: cloud.Config{Partner: true, Upload: 15 * time.Minute, Delay: 3 * time.Minute},
		})
		if err != nil {
			t.Fatal(err)
		}
		b.sim = s
		b.net[strings.TrimPrefix(s.Account.URL(), "http://")] = vendor
		server := &http.Server{Handler: http.HandlerFunc(b.take)} //nolint:gosec // in memory
		ended := make(chan struct{})
		go func() { defer close(ended); _ = server.Serve(b.net[influxAt]) }()
		defer func() {
			b.halt()
			_ = server.Shutdown(context.Background()) // nobody asks any more
			<-ended
			b.end()
		}()
		b.connect()
		story(b)
	})
}

// end takes the house down.
func (b *bubble) end() {
	if err := b.sim.Close(); err != nil {
		b.t.Error("closing the simulated home:", err)
	}
	for _, n := range b.net {
		_ = n.Close() // never fails
	}
	if b.t.Failed() {
		text := b.log.String()
		b.t.Log("the daemon's log:\n" + text[max(0, len(text)-6000):])
	}
}

func (b *bubble) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n, ok := b.net[address]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("nobody at %s", address)}
	}
	return n.Dial(ctx, network, address)
}

func (b *bubble) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
		parts := strings.Split(line, " ")
		if len(parts) != 3 || !strings.HasPrefix(line, "enphase_power,") {
			continue
		}
		key := parts[0] + " " + parts[2]
		if old, known := b.lines[key]; known && old != parts[1] {
			b.twice = append(b.twice, key)
		}
		b.lines[key] = parts[1]
	}
	w.WriteHeader(http.StatusNoContent)
}

// connect gives access to the cloud and writes the configuration.
func (b *bubble) connect() {
	b.t.Helper()
	api, state := b.sim.Cloud, filepath.Join(b.dir, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		b.t.Fatal(err)
	}
	client, err := enlighten.New(enlighten.Config{
		App: "partner", ClientID: api.Client(), ClientSecret: secret.New(api.Secret()), APIKey: secret.New(api.Key()), Plan: "partner",
		Username: cloud.InstallerEmail, Password: secret.New(cloud.InstallerPassword),
		URL: b.sim.Account.URL(), Dir: state, Transport: &http.Transport{DialContext: b.dial, DisableKeepAlives: true},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Connect(context.Background(), enlighten.Consent{Gateways: []string{sim.DefaultSerial}}); err != nil {
		b.t.Fatal(err)
	}
	b.file("token", b.sim.Token())
	b.file("envoyd.yaml", fmt.Sprintf(`gateways: [{serial: %q, name: Home, address: %q, token_file: %s}]
poll: {meters: 10s, batteries: 30s}
endpoints: {api: %q}
cloud: {enlighten: {app: partner, plan: partner, client_id: %q, client_secret: %q, api_key: %q, username: %q, password: %q}}
influx: {url: "http://%s", org: home, bucket: solar, token: x}
store: {path: %s}
http: {listen: ""}
`, sim.DefaultSerial, gatewayAt, filepath.Join(b.dir, "token"), b.sim.Account.URL(),
		api.Client(), api.Secret(), api.Key(), cloud.InstallerEmail, cloud.InstallerPassword, influxAt, state))
}

func (b *bubble) file(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bubble) start() {
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.done = stop, make(chan error, 1)
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	path := filepath.Join(b.dir, "envoyd.yaml")
	opt := app.Options{Version: "test", Log: log, Dial: b.dial, Load: func() (*config.Config, error) { return config.Load(path) }}
	go func() { b.done <- app.Run(ctx, opt) }()
}

func (b *bubble) halt() {
	b.t.Helper()
	if b.stop == nil {
		return
	}
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Error("the daemon ended with:", err)
	}
	b.stop = nil
}

// history reads the store of a daemon that was stopped.
func (b *bubble) history(from, to time.Time) store.Series {
	b.t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(b.dir, "state")})
	if err != nil {
		b.t.Fatal(err)
	}
	h, err := s.History(context.Background(), store.Query{From: from, To: to, Step: time.Minute})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.t.Fatal(err)
	}
	return h
}

// powers counts the database's points of power from a source.
func (b *bubble) powers(source string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.lines {
		if strings.Contains(key, ",source="+source+" ") {
			n++
		}
	}
	return n
}

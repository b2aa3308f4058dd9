package outage_test

import (
	"cmp"
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
	"envoyd/internal/sim/home"
	"envoyd/internal/store"
)

// Addresses in the bubble's network.
const (
	gatewayPort = 8443 // of the first; those of the others follow
	influxAt    = "127.0.0.1:8086"
	vendorAt    = "127.0.0.1:9443"
)

// bubble is a house on fake time with a daemon, a cloud and a database in it.
type bubble struct {
	t    *testing.T
	dir  string
	plan string
	sim  *sim.Sim   // the first gateway
	sims []*sim.Sim // all of them, each with a system of its own
	api  *vendor
	net  map[string]*sim.Memory
	log  *e2e.Log
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	lines map[string]string // of power: series and time, fields
	twice []string
}

// place says what stands in a bubble.
type place struct {
	begin   time.Time
	zone    *time.Location
	serials []string // of the gateways; nil = the default one
	plan    string   // of the cloud's calls; "" = partner
	preset  sim.Preset
}

// inBubble builds the house at a moment; reports take as long as in reality
// until they are in the cloud.
func inBubble(t *testing.T, begin time.Time, story func(b *bubble)) {
	t.Helper()
	inPlace(t, place{begin: begin}, story)
}

// inPlace builds a house with one gateway or more.
func inPlace(t *testing.T, p place, story func(b *bubble)) {
	t.Helper()
	if p.serials == nil {
		p.serials = []string{sim.DefaultSerial}
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(p.begin))
		b := &bubble{t: t, dir: dir, plan: cmp.Or(p.plan, "partner"), log: &e2e.Log{}, lines: map[string]string{}, net: map[string]*sim.Memory{
			influxAt: sim.NewMemory(), vendorAt: sim.NewMemory(),
		}}
		for i, serial := range p.serials {
			b.addHome(i, serial, p)
		}
		b.sim, b.api = b.sims[0], newVendor(b.sims)
		stop := []func(){serve(b.net[influxAt], http.HandlerFunc(b.take)), serve(b.net[vendorAt], b.api)}
		defer func() {
			b.halt()
			for _, end := range stop {
				end() // nobody asks any more
			}
			b.end()
		}()
		b.connect()
		story(b)
	})
}

// addHome builds a home; the second has other clouds and fewer inverters.
func (b *bubble) addHome(i int, serial string, p place) {
	b.t.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", gatewayPort+i)
	b.net[at] = sim.NewMemory()
	s, err := sim.Start(sim.Config{
		Listener: b.net[at], CloudOn: sim.NewMemory(), Serial: serial, Preset: p.preset,
		Home: home.Config{Zone: p.zone, Seed: uint64(i), Inverters: 20 - 12*i},
		API: cloud.Config{
			Partner: true, Upload: 15 * time.Minute, Delay: 3 * time.Minute,
			System: int64(cloud.DefaultSystem + 100*i), Client: "application", Secret: "of-the-application", Key: "of-the-calls",
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.sims = append(b.sims, s)
}

// serve answers on a network until it is told to stop.
func serve(on net.Listener, h http.Handler) (stop func()) {
	server := &http.Server{Handler: h} //nolint:gosec // in memory
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(on) }()
	return func() {
		_ = server.Shutdown(context.Background())
		<-ended
	}
}

// end takes the house down.
func (b *bubble) end() {
	for _, s := range b.sims {
		if err := s.Close(); err != nil {
			b.t.Error("closing the simulated home:", err)
		}
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
	api, state := b.sim.Cloud, b.state()
	if err := os.MkdirAll(state, 0o700); err != nil {
		b.t.Fatal(err)
	}
	client, err := enlighten.New(enlighten.Config{
		App: "partner", ClientID: api.Client(), ClientSecret: secret.New(api.Secret()), APIKey: secret.New(api.Key()), Plan: b.plan,
		Username: cloud.InstallerEmail, Password: secret.New(cloud.InstallerPassword),
		URL: "http://" + vendorAt, Dir: state, Transport: &http.Transport{DialContext: b.dial, DisableKeepAlives: true},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	var serials, gateways []string
	for i, s := range b.sims {
		token := fmt.Sprintf("token-%d", i)
		b.file(token, s.Token())
		serials = append(serials, s.Identity().Serial)
		gateways = append(gateways, fmt.Sprintf("{serial: %q, name: Home %d, address: \"127.0.0.1:%d\", token_file: %s}",
			s.Identity().Serial, i, gatewayPort+i, filepath.Join(b.dir, token)))
	}
	if _, err := client.Connect(context.Background(), enlighten.Consent{Gateways: serials}); err != nil {
		b.t.Fatal(err)
	}
	b.file("envoyd.yaml", fmt.Sprintf(`gateways: [%s]
poll: {meters: 10s, batteries: 30s}
endpoints: {api: %q}
cloud: {enlighten: {app: partner, plan: %s, client_id: %q, client_secret: %q, api_key: %q, username: %q, password: %q}}
influx: {url: "http://%s", org: home, bucket: solar, token: x}
store: {path: %s}
http: {listen: ""}
`, strings.Join(gateways, ", "), "http://"+vendorAt, b.plan,
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

// history reads the minutes of the first gateway from the store of a daemon
// that was stopped.
func (b *bubble) history(from, to time.Time) store.Series {
	b.t.Helper()
	return b.stored(store.Query{Gateway: b.sim.Identity().Serial, From: from, To: to, Step: time.Minute})
}

func (b *bubble) state() string { return filepath.Join(b.dir, "state") }

// stored reads the store of a daemon that was stopped.
func (b *bubble) stored(q store.Query) store.Series {
	b.t.Helper()
	s, err := store.Open(store.Config{Dir: b.state()})
	if err != nil {
		b.t.Fatal(err)
	}
	h, err := s.History(context.Background(), q)
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

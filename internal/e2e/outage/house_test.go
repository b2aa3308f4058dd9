package outage_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/e2e"
	"envoyd/internal/secret"
	"envoyd/internal/sim"
	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/home"
)

// database keeps the lines it is sent.
type database struct {
	*httptest.Server
	mu    sync.Mutex
	lines []string
}

func newDatabase(t *testing.T) *database {
	d := &database{}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *database) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, strings.Split(strings.TrimSpace(string(body)), "\n")...)
	w.WriteHeader(http.StatusNoContent)
}

// count counts the lines that begin so.
func (d *database) count(series string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range d.lines {
		if strings.HasPrefix(line, series) {
			n++
		}
	}
	return n
}

// house is one with access to the cloud.
type house struct {
	*e2e.House
	db  *database
	mqt *e2e.Subscriber
}

// build builds a sunny house whose installer has given access to the cloud,
// which knows everything at once.
func build(t *testing.T) *house {
	t.Helper()
	db := newDatabase(t)
	h := &house{db: db}
	h.House = e2e.Build(t, e2e.Options{
		Sim: sim.Config{Home: home.Config{Noon: true}, API: cloud.Config{Partner: true}},
	})
	api := h.Sim.Cloud
	client, err := enlighten.New(enlighten.Config{
		App: "partner", ClientID: api.Client(), ClientSecret: secret.New(api.Secret()), APIKey: secret.New(api.Key()), Plan: "partner",
		Username: cloud.InstallerEmail, Password: secret.New(cloud.InstallerPassword),
		URL: h.Sim.Account.URL(), Dir: h.state(t), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Connect(context.Background(), enlighten.Consent{Gateways: []string{h.Sim.Identity().Serial}}); err != nil {
		t.Fatal(err)
	}
	h.configure(t)
	h.mqt = h.Subscribe("envoyd/#")
	return h
}

func (h *house) state(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(h.Dir, "state")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// configure adds the cloud and the database to the configuration.
func (h *house) configure(t *testing.T) {
	t.Helper()
	api := h.Sim.Cloud
	text, err := os.ReadFile(h.File)
	if err != nil {
		t.Fatal(err)
	}
	more := fmt.Sprintf("influx: {url: %q, org: home, bucket: solar, token: x}\n", h.db.URL) +
		fmt.Sprintf("cloud: {after: 10s, enlighten: {app: partner, plan: partner, client_id: %q, client_secret: %q, api_key: %q, username: %q, password: %q}}\n",
			api.Client(), api.Secret(), api.Key(), cloud.InstallerEmail, cloud.InstallerPassword)
	if err := os.WriteFile(h.File, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
}
